"""A room on simulated devices, and a person who plugs, presses and looks as told: no hand, no hardware."""

import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from acceptance.check import Stopped
from acceptance.machine import Machine, Ran
from acceptance.room import Devices, Room, Spans
from acceptance_sounds import EchoRoom, TappedArray, VoiceArray

from appliance.media.buttons_and_lights import SEEN_S
from hardware import registry
from hardware.camera.sim import PatternCamera
from hardware.gpio.mock import drive, look, press
from hardware.ports import DeviceMissing
from hardware.uri import DeviceUri

CEC = (Path(__file__).parents[1] / "hardware" / "cec_ctl" / "1.30.1.txt").read_text()
"""What cec-ctl wrote on vivid's adapter."""
SPANS = Spans(stream=0.6, still=0.1, listen=3.0, echo=18.0, patience=12.0, tv=10.0, call=1.0)
DEMO = """
import json, pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
out.mkdir()
(out / "report.json").write_text(json.dumps({"joined_after_s": 0.4, "checks": {"joined_by_itself": True}}))
"""
SHOWN = {"LoadState": "loaded", "ActiveState": "active", "ActiveEnterTimestampMonotonic": "21500000"}
SAID = {
    "vcgencmd bootloader_version": "2025/05/08 15:13:17\nversion 69471177\n",
    "vcgencmd get_throttled": "throttled=0x0\n",
    "systemd-analyze time": "Startup finished in 2.1s (kernel) + 9.0s (userspace) = 11.1s\n",
    "systemctl show": "".join(f"{key}={value}\n" for key, value in SHOWN.items()),
    "journalctl -b": "[   20.100000] pi salon[700]: ready for a call\n[   33.250000] pi salon[700]: in the call\n",
}


class Stick(PatternCamera):
    """An HDMI stick whose driver says whether a computer is plugged in."""

    signal = loose = False

    def has_signal(self):
        # a loose plug has no contact for two seconds of four
        return self.signal and not (self.loose and time.monotonic() % 4 < 2)


class Panel:
    """A touch panel."""

    name, simulated = "Simulated panel", True

    def __init__(self):
        self.touches = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def next(self, timeout_s):
        return self.touches.pop(0) if self.touches else None


class Bench:
    """All devices, simulated, and there."""

    def __init__(self, folder: Path, spans: Spans = SPANS):
        self.spans = spans
        self.folder, self.plugs, self.root = folder, folder / "plugs", folder / "root"
        self.plugs.mkdir()
        self.left, self.right = self.plugs / "camera-left", self.plugs / "camera-right"
        self.left.touch()
        self.right.touch()
        pin = f"?dir={folder / 'pins'}"
        self.devices = Devices(
            camera=f"sim:pattern?fps=60&plug={self.left}",
            second_camera=f"sim:pattern?fps=60&plug={self.right}",
            pi_camera="sim:pattern?fps=60",
            capture="sim:pattern?size=320x180",
            microphone="sim:array",
            speaker="sim:sink",
            watch=f"sim:{self.plugs}",
            mute_button=f"mock:button{pin}&active_low=1",
            mute_line=f"mock:line{pin}&pull=up",
            red=f"mock:red{pin}&active_low=1&pull=down",
            green=f"mock:green{pin}",
            motion=f"mock:motion{pin}",
            relay=f"mock:relay{pin}",
        )
        self.stick = Stick(DeviceUri.parse(self.devices.capture))
        self.panel, self.taps, self.echo = Panel(), TappedArray(), EchoRoom()
        self.said = dict(SAID)
        self.microphone: Callable = lambda _uri: self.taps
        self.voice: Callable = VoiceArray
        self._machine()
        self.demo = folder / "demo.py"
        self.demo.write_text(DEMO)
        drive(self.devices.mute_button, active=False)
        drive(self.devices.mute_line, active=False)

    def room(self) -> Room:
        out = self.folder / "out"
        out.mkdir(exist_ok=True)
        return Room(
            out,
            self.devices,
            Machine(self.root, self._run),
            self.spans,
            {},
            camera=registry.camera,
            capture=lambda _: self.stick,
            microphone=self._microphone,
            speaker=lambda _: self.echo.speaker,
            touch=lambda: self.panel,
            cec_ctl=str(self.folder / "cec-ctl"),
            demo=(sys.executable, str(self.demo)),
        )

    def _microphone(self, uri: str):
        return self.microphone(uri)

    def put(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def having(self, **devices: str) -> None:
        self.devices = replace(self.devices, **devices)

    @property
    def tv_is_on(self) -> bool:
        return (self.folder / "tv").read_text() == "on"

    def _machine(self) -> None:
        self.put("proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
        self.put("etc/os-release", 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')
        self.put("proc/sys/kernel/osrelease", "6.12.47+rpt-rpi-2712\n")
        self.put("proc/sys/kernel/random/boot_id", "first\n")
        self.put("proc/stat", "cpu  100 0 50 800 10 0 5 0 0 0\n")
        self.put("sys/class/thermal/thermal_zone0/temp", "61234\n")
        self.put("sys/module/pinctrl_rp1/parameters/persist_gpio_outputs", "N\n")
        for name, text in {"status": "connected", "enabled": "enabled", "modes": "1920x1080\n"}.items():
            self.put(f"sys/class/drm/card1-HDMI-A-1/{name}", text)
        self.put("dev/cec0", "")
        self._cec_ctl()

    def _cec_ctl(self) -> None:
        """Install a cec-ctl that writes what a real one wrote, on a TV that does as it is told."""
        tv = self.folder / "tv"
        tv.write_text("on")
        parts = {m[1]: m[2] for m in re.finditer(r"^=== (.*?) \$ .*\n((?:(?!===).*\n)*)", CEC, re.MULTILINE)}
        wrote = {
            "on": parts["asked while on"],
            "off": parts["asked in standby"],
            "adapter": parts["claimed adapter"],
            "standby": parts["standby"],
            "view": parts["image view on"],
        }
        for name, text in wrote.items():
            (self.folder / f"cec-{name}").write_text(text)
        at = self.folder
        program = at / "cec-ctl"
        program.write_text(
            f"""#!/bin/sh
case "$*" in
*--standby*) printf off >{tv}; cat {at}/cec-standby;;
*--image-view-on*) printf on >{tv}; cat {at}/cec-view;;
*--give-device-power-status*) cat {at}/cec-$(cat {tv});;
*) cat {at}/cec-adapter;;
esac
"""
        )
        program.chmod(0o755)

    def _run(self, *words: str, timeout_s: float = 0) -> Ran:
        said = self.said.get(" ".join(words[:2]))
        return Ran(127, "") if said is None else Ran(0, said)


class Script:
    """Does what it is told to do on a bench, and sees what is there to be seen."""

    presses = 20

    def __init__(self, bench: Bench):
        self.bench, self.heard = bench, []
        self._undo: Callable[[], None] = lambda: None

    def tell(self, text):
        self.heard.append(text)
        self._do(text)

    def ready(self, text):
        self.heard.append(text)
        self._do(text)

    def yes(self, question):
        self.heard.append(question)
        self._do(question)
        return self._sees(question)

    def again(self, words):
        self.heard.append(words)
        return False

    def _do(self, text: str) -> None:
        for pattern, action in ACTIONS.items():
            found = re.search(pattern, text)
            if found:
                action(self, *found.groups())
                return

    def _sees(self, question: str) -> bool:
        bench = self.bench
        if "light" in question:
            wanted = re.search(r"light (red|green)", question)[1]
            uris = {"red": bench.devices.red, "green": bench.devices.green}
            lit = wait_for(lambda: {name for name, uri in uris.items() if look(uri).active} == {wanted})
            return bool(lit)
        if "lamp" in question:
            return look(bench.devices.relay).active is ("on" in question.split("lamp")[1])
        if "Is the TV" in question:
            return bench.tv_is_on is (" on?" in question)
        return True

    def pull(self, file: Path) -> None:
        file.unlink()
        self._undo = file.touch

    def open_line(self, *, cable: bool = False) -> None:
        drive(self.bench.devices.mute_line, active=True)
        if cable:
            self._undo = lambda: drive(self.bench.devices.mute_line, active=False)

    def undo(self) -> None:
        self._undo()

    def press(self, times: int) -> None:
        for _ in range(times):
            press(self.bench.devices.mute_button, 0.045)
            time.sleep(0.045)

    def tap(self) -> None:
        """Tap long enough for a room to act on it, and only when the light was seen for a while."""
        time.sleep(1.2 * SEEN_S)
        press(self.bench.devices.mute_button, 0.1)

    def stand(self, degrees: int) -> None:
        self.bench.microphone = lambda _: self.bench.voice(degrees % 360)

    def unplug_tv(self) -> None:
        status = "sys/class/drm/card1-HDMI-A-1/status"
        self.bench.put(status, "disconnected")
        self._undo = lambda: self.bench.put(status, "connected")

    def touch(self, corner: str) -> None:
        self.bench.panel.touches.append((0.95 * ("right" in corner), 0.95 * ("bottom" in corner)))

    def cut_the_power(self) -> None:
        self.bench.put("proc/sys/kernel/random/boot_id", "second\n")
        raise Stopped


ACTIONS: dict[str, Callable] = {
    r"pull the camera's plug|pull the plug of the preferred": lambda it: it.pull(it.bench.left),
    r"plug it in again": lambda it: it.undo(),
    r"plug a computer into": lambda it: setattr(it.bench.stick, "signal", True),
    r"pull the HDMI plug out of": lambda it: setattr(it.bench.stick, "signal", False),
    r"keep the room quiet": lambda it: setattr(it.bench, "microphone", lambda _: it.bench.taps),
    r"Tap microphone (\d)": lambda it, number: it.bench.taps.tap(int(number) - 1),
    r"Stand at (-?\d+) degrees": lambda it, degrees: it.stand(int(degrees)),
    r"the volume of a meeting": lambda it: setattr(it.bench, "microphone", lambda _: it.bench.echo.hears(2)),
    r"Same volume": lambda it: setattr(it.bench, "microphone", lambda _: it.bench.echo.hears(1)),
    r"Press 10 times slowly": lambda it: it.press(it.presses),
    r"open the contact": lambda it: it.open_line(),
    r"close it again": lambda it: drive(it.bench.devices.mute_line, active=False),
    r"pull the line's cable": lambda it: it.open_line(cable=True),
    r"Press the button: muted|Press it again: open": lambda it: it.tap(),
    r"wave in front": lambda it: drive(it.bench.devices.motion, active=True),
    r"keep still again": lambda it: drive(it.bench.devices.motion, active=False),
    r"pull the TV's HDMI plug": lambda it: it.unplug_tv(),
    r"Touch the (\w+ \w+) corner": lambda it, corner: it.touch(corner),
    r"Pull the power plug": lambda it: it.cut_the_power(),
}


def wait_for(true: Callable[[], object], within_s: float = 3.0) -> bool:
    until = time.monotonic() + within_s
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


class Absent:
    """A device that is not plugged in."""

    def __enter__(self):
        raise DeviceMissing("it is not plugged in")

    def __exit__(self, *_):
        pass
