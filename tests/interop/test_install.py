"""`make install` and `make uninstall` into a folder, as a packager would."""

import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]


def make(target: str, root: Path, *words: str) -> str:
    # without the dependencies, which take minutes; the build itself is real
    command = ["make", "-s", target, f"DESTDIR={root}", "PIP=--no-deps", *words]
    done = subprocess.run(command, cwd=ROOT, check=False, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which a console was installed, and then an upgrade of it."""
    root = tmp_path_factory.mktemp("console")
    make("install", root, "PARTS=console")
    make("install", root)
    return root


def test_an_upgrade_brings_the_parts_that_were_there(everything: Path) -> None:
    assert (everything / "opt/salon/parts").read_text() == "console\n"


def test_nothing_is_compiled_for_media_where_there_is_only_a_console(everything: Path) -> None:
    assert not list((everything / "opt/salon").glob("lib/python3*/site-packages/appliance/media/rtc/native/*.so"))


def test_a_room_is_brought_no_console(tmp_path: Path) -> None:
    command = ["make", "-n", "install", f"DESTDIR={tmp_path}"]
    planned = subprocess.run(command, cwd=ROOT, check=True, text=True, capture_output=True).stdout
    assert "'.[room,hub]'" in planned
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    room, console = (set(needs(project, part)) for part in (("room", "hub"), ("console", "console-pg")))
    # what both draw on a terminal with
    assert console & room == {"textual"}
    assert {"fastapi", "uvicorn", "msgspec", "apprise", "authlib", "argon2-cffi", "amqtt", "asyncpg"} <= console


def needs(project: dict[str, Any], parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        for line in project["optional-dependencies"][part]:
            name = re.match(r"[A-Za-z0-9-]+", line)[0]
            inner = re.fullmatch(r"salon\[(.*)\]", line)
            yield from needs(project, inner[1].split(",")) if inner else (name,)


def test_what_is_installed_is_what_the_units_start_and_can_be_taken_away(tmp_path: Path) -> None:
    make("install", tmp_path)
    command = tmp_path / "usr/bin/salon"
    assert str(command.readlink()) == "/opt/salon/bin/salon"
    script = (tmp_path / "opt/salon/bin/salon").read_text()
    assert script.startswith("#!/opt/salon/bin/python")
    assert str(tmp_path) not in script
    code = tmp_path / "opt/salon"
    assert list(code.glob("lib/python3*/site-packages/appliance/defaults.toml"))
    for part in ("media/rtc/native/librtp.so", "media/sound/silero_vad_16k.onnx", "media/slate.png", "media/models"):
        assert list(code.glob(f"lib/python3*/site-packages/appliance/{part}")), part
    units = tmp_path / "usr/local/lib"
    sources = sorted(path.name for path in (ROOT / "systemd").iterdir() if path.is_file())
    assert sorted(path.name for path in (units / "systemd/system").iterdir()) == sources
    for unit in (units / "systemd/system").glob("*.service"):
        assert "/usr/bin/salon" in unit.read_text() or unit.name.startswith("salon-retry")
    for folder in ("sysusers.d", "tmpfiles.d"):
        assert (units / folder / "salon.conf").read_text() == (ROOT / "systemd" / folder / "salon.conf").read_text()
    settings = tmp_path / "etc/salon/room.toml"
    settings.write_text("")
    make("uninstall", tmp_path)
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == [settings]
    assert not code.exists()


@pytest.mark.parametrize(("modules", "seen"), [("picamera2 lgpio", "false"), ("picamera2 json", "true")])
def test_what_only_the_system_has_is_seen_where_it_is_there(tmp_path: Path, modules: str, seen: str) -> None:
    said = make("install", tmp_path, f"SYSTEM={modules}")
    assert ("uses the system's json" in said) == (seen == "true")
    assert f"include-system-site-packages = {seen}\n" in (tmp_path / "opt/salon/pyvenv.cfg").read_text()
