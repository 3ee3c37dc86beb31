"""Who may import whom, and how long a file may be: the shape of the project, held by reading its source."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("appliance", "display", "fleet", "hardware", "provisioning")
LONGEST_FILE = 400

# The first prefix that fits a module says which modules of ours it may import; a package may always import itself.
# Composition roots, and the programs' front door, compose what they like.
ROOTS = (
    "appliance.cli",
    "appliance.cli_console",
    "appliance.cli_parts",
    "appliance.cli_setup",
    "appliance.cli_wishes",
    "appliance.programs",
    "appliance.daemon",
    "appliance.reporting",
    "appliance.room",
    "appliance.doctor",
    "appliance.doctor_devices",
    "appliance.doctor_fleet",
    "appliance.up",
    "appliance.media.engine",
    "appliance.demo",
    "fleet.main",
    "fleet.init",
)
LEAVES = ("appliance.children", "appliance.errors", "appliance.files", "appliance.seldom", "appliance.clock")
MEDIA = ("appliance.state", "appliance.link", "hardware.ports", "hardware.planes", "hardware.camera.aim")
# What each part of the console may import.
CONSOLE = (
    "appliance.mqtt",
    "appliance.telemetry.protocol",
    "appliance.state.wire",
    "appliance.state.clean",
    "appliance.state.counted",
    "appliance.tree",
    "appliance.values",
    "appliance.redact",
    "appliance.service",
    # what a console may set is checked as the room will check it, and listed there alone
    "appliance.overlay",
    "appliance.settings",
    # and what it means is said there
    "appliance.sections",
    # of the console itself, what is below all of its parts
    "fleet.certificates",
    "fleet.line",
    "fleet.ranges",
    "fleet.refusal",
    "fleet.settings",
    "fleet.status",
)
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "appliance.state": (),
    "hardware": (),
    "appliance.link": ("appliance.state",),
    "appliance.telemetry.protocol": ("appliance.state",),
    "appliance.mqtt": ("appliance.telemetry.protocol",),
    "appliance.telemetry": (
        "appliance.state",
        "appliance.link",
        "appliance.mqtt",
        "appliance.overlay",
        "appliance.sections",
        "appliance.settings",
    ),
    "appliance.calendars": ("appliance.state",),
    "appliance.lifecycle": ("appliance.state",),
    "appliance.meetings": (*MEDIA, "appliance.media"),
    # These open devices by their URI; the registry names the drivers, so they name none.
    "appliance.media.equipment": (*MEDIA, "appliance.media", "appliance.meetings", "hardware.registry"),
    "appliance.media.probe": (*MEDIA, "appliance.media", "appliance.meetings", "hardware.registry"),
    "appliance.media.listening": (*MEDIA, "appliance.media", "appliance.meetings", "hardware.registry"),
    "appliance.media.keeper": (*MEDIA, "appliance.media", "appliance.meetings", "hardware.registry"),
    "appliance.media.studio": (*MEDIA, "appliance.media", "appliance.meetings", "hardware.registry"),
    "appliance.media.aiming": (*MEDIA, "appliance.media", "hardware.camera.heads", "hardware.registry"),
    "appliance.media.share": (*MEDIA, "appliance.media", "appliance.meetings", "hardware.camera.signal"),
    # The room's own button and lights: media drives them itself, whatever else is dead.
    "appliance.media.buttons_and_lights": (*MEDIA, "appliance.media", "hardware.gpio"),
    "appliance.media.lights": (*MEDIA, "hardware.gpio.lights"),
    "appliance.media.wires": (*MEDIA, "hardware.gpio"),
    "appliance.media": (*MEDIA, "appliance.meetings"),
    "appliance.hub": ("appliance.state", "appliance.media.rtc", "appliance.sections", "appliance.settings"),
    # The words for settings' values need the names of drivers and screens; no driver or presenter comes with them.
    "appliance.values": (
        "appliance.calendars.sources",
        "appliance.telemetry.protocol",
        "display.screens.uri",
        "hardware.registry",
        "hardware.hotplug.sources",
        "hardware.camera.heads",
        "hardware.gpio.wiring",
    ),
    "appliance.across": ("hardware.gpio.wiring", "hardware.ports"),
    "display": ("appliance.state", "appliance.link"),
    "provisioning": (
        "appliance.state",
        "appliance.link",
        "appliance.sections",
        "appliance.settings",
        "appliance.telemetry.protocol",
    ),
    # The console's parts, those below first; ingest and web are separate programs that meet in the database.
    "fleet.store": CONSOLE,
    # What rooms say of jobs and calls is stored with all else they say.
    "fleet.ingest": (*CONSOLE, "fleet.store", "fleet.control.calls", "fleet.control.jobs"),
    "fleet.control": (*CONSOLE, "fleet.store", "fleet.upkeep"),
    "fleet.web": (*CONSOLE, "fleet.store", "fleet.control", "fleet.enrolment"),
    "fleet": CONSOLE,
}
NOBODY_BUT_A_ROOT_IMPORTS = ("appliance.hub", "fleet", "display", "appliance.daemon", "appliance.cli")

# Each third party lives in one place; everything not named here is free.
THIRD_PARTIES: dict[str, tuple[str, ...]] = {
    "aiortc": ("appliance.media", "appliance.hub"),
    "aioice": ("appliance.media", "appliance.hub"),
    "av": ("appliance.media", "appliance.hub", "appliance.demo", "hardware"),
    "paho": ("appliance.mqtt", "appliance.telemetry.agent", "appliance.telemetry.connection", "fleet"),
    "asyncpg": ("fleet.store.postgres",),
    "msgspec": ("fleet",),
    "fastapi": ("fleet.web",),
    "apprise": ("fleet.control",),
    "authlib": ("fleet.web",),
    "amqtt": ("fleet.broker", "fleet.broker_door"),
    "pyudev": ("hardware.hotplug",),
    "gpiozero": ("hardware.gpio",),
    "lgpio": ("hardware.gpio",),
    "picamera2": ("hardware.camera",),
    "sdl2": ("display.screens",),
    "textual": ("display.panel", "fleet.top"),
    "icalendar": ("appliance.calendars",),
    "recurring_ical_events": ("appliance.calendars",),
}
STANDARD_LIBRARY_ONLY = ("appliance.state",)


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def inside(module: str, *places: str) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


def imports(source: str, package: str) -> Iterator[str]:
    """Yield every imported module, with `from a import b` as a.b, also imports within functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def may_import(module: str, imported: str) -> bool:
    if inside(imported, *LEAVES) or inside(module, *ROOTS):
        return True
    for prefix, allowed in MAY_IMPORT.items():
        if inside(module, prefix):
            return inside(imported, prefix, *allowed)
    return not inside(imported, *NOBODY_BUT_A_ROOT_IMPORTS)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_the_architecture_allows(path: Path) -> None:
    module = module_of(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    wrong = []
    for imported in imports(path.read_text(), package):
        top = imported.partition(".")[0]
        if top in PACKAGES:
            if not may_import(module, imported):
                wrong.append(f"{imported} (see MAY_IMPORT)")
        elif inside(module, *STANDARD_LIBRARY_ONLY) and top not in sys.stdlib_module_names:
            wrong.append(f"{imported} (only the standard library here)")
        elif top in THIRD_PARTIES and not inside(module, *THIRD_PARTIES[top]):
            wrong.append(f"{imported} (lives in {', '.join(THIRD_PARTIES[top])})")
    assert not wrong, f"{module} imports {'; '.join(wrong)}"


def modules_of_the_console() -> dict[str, set[str]]:
    """Return each module of the console with those of the console that it imports."""
    texts = {module_of(path): path for path in sources() if inside(module_of(path), "fleet")}
    found: dict[str, set[str]] = {}
    for module, path in texts.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        named = {name for one in imports(path.read_text(), package) for name in (one, one.rpartition(".")[0])}
        found[module] = named & texts.keys() - {module, package}
    return found


def test_no_modules_of_the_console_import_each_other_in_a_circle() -> None:
    tuple(TopologicalSorter(modules_of_the_console()).static_order())


def written_by_hand() -> list[Path]:
    folders = (*PACKAGES, "tests", "benchmarks")
    kinds = {".py", ".js", ".css", ".html", ".sh", ".tcss"}
    found = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in kinds)
    return sorted(path for path in found if "vendor" not in path.parts)


def test_no_file_is_longer_than_it_may_be() -> None:
    lengths = {path.relative_to(ROOT): path.read_text().count("\n") for path in written_by_hand()}
    assert not {str(path): lines for path, lines in lengths.items() if lines > LONGEST_FILE}


def test_the_rules_catch_what_they_forbid() -> None:
    assert not may_import("hardware.camera.sim", "appliance.state.room")
    assert not may_import("appliance.link.server", "appliance.settings")
    assert not may_import("appliance.media.video", "hardware.registry")
    assert not may_import("appliance.settings", "appliance.hub.server")
    assert not may_import("fleet.control.metrics", "fleet.ingest.reading")
    assert not may_import("fleet.store.records", "fleet.control.jobs")
    assert not may_import("fleet.ingest.writer", "fleet.control.rules")
    assert not may_import("fleet.web.live", "fleet.ingest.known")
    assert may_import("appliance.media.engine", "hardware.registry")
    assert may_import("appliance.cli", "appliance.daemon")


def test_imports_within_functions_and_relative_ones_are_seen() -> None:
    source = "import os.path\ndef later():\n from textual import app\n from ..link import frames\n from . import hub"
    found = set(imports(source, "appliance.media"))
    assert found == {"os.path", "textual.app", "appliance.link.frames", "appliance.media.hub"}
