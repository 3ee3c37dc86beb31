"""What does not fit together in a room's settings although each value is right by itself. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hardware.gpio import wiring
from hardware.ports import DeviceError

_LISTS = ("camera", "microphone", "speaker", "share")
_WIRES = ("mute_button", "mute_line", "call_light", "motion")
_COLOURS = 3


def misfits(given: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong between the settings of a file; whatever is no setting at all is told elsewhere."""
    yield from _two_calendars(_section(given, "calendar"))
    for kind in _LISTS:
        yield from _listed_twice(f"devices.{kind}", _texts(_section(given, "devices"), kind))
    yield from _half_a_night(_section(given, "tv"))
    wires = _section(given, "wires")
    yield from _light(_texts(wires, "mute_light"))
    relays = [relay for relay in _list(wires, "relays") if isinstance(relay, dict)]
    yield from _listed_twice("the name of wires.relays", [_text(relay, "name") for relay in relays])
    yield from _shared_lines(list(_lines(wires, relays)))


def _two_calendars(calendar: Mapping[str, Any]) -> Iterator[str]:
    if calendar.get("source") and calendar.get("source_file"):
        yield "calendar.source and calendar.source_file are both set; keep one of them"


def _listed_twice(name: str, texts: Sequence[str]) -> Iterator[str]:
    for text in dict.fromkeys(texts):
        if text and texts.count(text) > 1:
            yield f"{name}: {text} is there twice; each is named once"


def _half_a_night(tv: Mapping[str, Any]) -> Iterator[str]:
    begins, ends = _text(tv, "off_from"), _text(tv, "off_until")
    if bool(begins) != bool(ends):
        yield "tv.off_from and tv.off_until make a night together; set both, or neither"
    elif begins and begins == ends:
        yield f"tv.off_from and tv.off_until are both {begins}: a night of no length; set tv.switch for one without end"


def _light(uris: Sequence[str]) -> Iterator[str]:
    if len(uris) > _COLOURS:
        yield f"wires.mute_light has {len(uris)} wires; it takes one, two or three: red, green, blue"
    if uris:
        try:
            wiring.fails_lit(uris[0])
        except DeviceError as err:
            if _parsed(uris[0]) is not None:
                yield f"wires.mute_light[1]: {err}"


def _lines(wires: Mapping[str, Any], relays: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the name of each setting that is a wire, with its URI."""
    for key in _WIRES:
        yield f"wires.{key}", _text(wires, key)
    for number, uri in enumerate(_texts(wires, "mute_light"), 1):
        yield f"wires.mute_light[{number}]", uri
    for number, relay in enumerate(relays, 1):
        yield f"wires.relays[{number}].pin", _text(relay, "pin")


def _shared_lines(lines: Sequence[tuple[str, str]]) -> Iterator[str]:
    users: dict[object, str] = {}
    for name, uri in lines:
        wire = _parsed(uri)
        if wire is None:
            continue
        first = users.setdefault(wire.line, name)
        if first != name:
            yield f"{name}: {uri} is the line of {first} already; a line has one use, so connect it to another"


def _parsed(uri: str) -> wiring.Wiring | None:
    try:
        return wiring.parse(uri)
    except DeviceError:
        return None


def _section(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = given.get(name)
    return section if isinstance(section, dict) else {}


def _list(section: Mapping[str, Any], key: str) -> list[Any]:
    value = section.get(key)
    return value if isinstance(value, list) else []


def _texts(section: Mapping[str, Any], key: str) -> list[str]:
    return [item for item in _list(section, key) if isinstance(item, str)]


def _text(section: Mapping[str, Any], key: str) -> str:
    value = section.get(key)
    return value if isinstance(value, str) else ""
