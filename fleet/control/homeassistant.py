"""Rooms as devices of Home Assistant, by MQTT discovery: an option, for a house that has one at the same broker. Pure.

Home Assistant hears the rooms' own topics; all that is sent here is where to listen. It asks for nothing and orders
nothing: what a room lets be done from far away stays with the console.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.state.clean import clean_text
from appliance.telemetry.protocol.codec import dump
from appliance.telemetry.protocol.topics import Topics
from fleet.control.outgoing import Message

BORN = b"online"
_EXPIRES_S = 900
"""Health is not retained, and comes every five minutes at the latest."""


@dataclass(frozen=True, slots=True)
class HomeAssistant:
    """Where a Home Assistant listens."""

    org: str
    prefix: str = "homeassistant"

    @property
    def status(self) -> str:
        """The topic in which it says that it was born; then everything is said again."""
        return f"{self.prefix}/status"

    def announced(self, room: str, name: str, site: str) -> Message:
        """Return what makes a room known; retained, since Home Assistant may come later."""
        topics = Topics(self.org, room)
        payload = {
            "dev": {
                "ids": [f"salon-{self.org}-{room}"],
                "name": clean_text(name or room, 80),
                "mf": "Salon",
                **({"sa": clean_text(site, 80)} if site else {}),
            },
            "o": {"name": "salon"},
            "avty": [
                {"t": topics.state, "val_tpl": "{{ 'online' if value_json.online else 'offline' }}"},
            ],
            "cmps": {name: self._component(room, name, topics, parts) for name, parts in _COMPONENTS.items()},
            "qos": 1,
        }
        return Message(self._topic(room), dump(payload), retain=True)

    def withdrawn(self, room: str) -> Message:
        """Return what makes a room unknown again."""
        return Message(self._topic(room), b"", retain=True)

    def _topic(self, room: str) -> str:
        return f"{self.prefix}/device/salon-{self.org}-{room}/config"

    def _component(self, room: str, name: str, topics: Topics, parts: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "uniq_id": f"salon-{self.org}-{room}-{name}",
            "stat_t": topics.health,
            "exp_aft": _EXPIRES_S,
            **parts,
        }


def _on(condition: str) -> str:
    return f"{{{{ 'ON' if {condition} else 'OFF' }}}}"


_COMPONENTS: Mapping[str, Mapping[str, Any]] = {
    "problem": {
        "p": "binary_sensor",
        "name": "Problem",
        "dev_cla": "problem",
        "val_tpl": _on("value_json.issues | selectattr('severity', 'eq', 'error') | list"),
    },
    "call": {
        "p": "binary_sensor",
        "name": "In a meeting",
        "dev_cla": "running",
        "val_tpl": _on("value_json.phase in ['joining', 'lobby', 'live', 'reconnecting']"),
    },
    "occupied": {
        "p": "binary_sensor",
        "name": "Occupied",
        "dev_cla": "occupancy",
        "val_tpl": "{{ 'None' if value_json.occupied is none else 'ON' if value_json.occupied else 'OFF' }}",
    },
    "issues": {
        "p": "sensor",
        "name": "Issues",
        "stat_cla": "measurement",
        "val_tpl": "{{ value_json.issues | count }}",
    },
    "temperature": {
        "p": "sensor",
        "name": "Temperature",
        "dev_cla": "temperature",
        "unit_of_meas": "°C",
        "val_tpl": "{{ value_json.gauges.temp_c }}",
    },
}
