"""What a room's own software is enough for: all of the room, and to say what else a command needs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_IN_A_ROOM = (
    "amqtt apprise argon2 asyncpg authlib fastapi httpx jinja2 msgspec multipart python_multipart starlette uvicorn"
)
NOT_AT_A_CONSOLE = "aiohttp aiortc av cv2 gpiozero jwt livekit numpy onnxruntime PIL sdl2"
ABSENT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in "{names}".split():
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


def in_a_room(code: str, absent: str = NOT_IN_A_ROOM) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ABSENT.format(names=absent) + code]
    return subprocess.run(command, cwd=ROOT, check=False, text=True, capture_output=True, timeout=50)


def test_every_module_of_a_room_is_there_without_the_consoles_software() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in ("appliance", "display", "hardware", "provisioning")
        for path in sorted((ROOT / package).rglob("*.py"))
        # these are the demo's and Raspberry Pi's own
        if path.name != "__init__.py" and "demo" not in path.parts and "picamera" not in path.name
    ]
    assert len(modules) > 300
    done = in_a_room(f"import importlib\nfor name in {modules}: importlib.import_module(name)")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["console"], "console"),
        (["console", "web"], "console"),
        (["console", "ingest"], "console"),
        (["console", "control"], "console"),
        (["console", "broker"], "broker"),
        (["broker"], "broker"),
    ],
)
def test_what_a_command_needs_more_is_said(words: list[str], part: str, tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(f'[console]\nstate = "{tmp_path}/state"\n' if "console" in words else "")
    arguments = [*words, "--config", str(config)]
    done = in_a_room(f"from appliance.cli import main; sys.exit(main({arguments!r}))")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"sudo make install PARTS=room,hub,{part} " in done.stderr


@pytest.mark.parametrize("words", [["display"], ["hub"]])
def test_a_console_s_machine_says_what_a_room_needs_more(words: list[str], tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(f'[paths]\nstate = "{tmp_path}/state"\nruntime = "{tmp_path}/run"\n')
    code = f"from appliance.cli import main; sys.exit(main({[*words, '--config', str(config)]!r}))"
    done = in_a_room(code, NOT_AT_A_CONSOLE)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "sudo make install PARTS=room,hub " in done.stderr


def test_rooms_are_listed_with_a_rooms_own_software(tmp_path: Path) -> None:
    done = in_a_room(
        "from appliance.cli import main; sys.exit(main(['console', '--once', '--url', 'mqtt://127.0.0.1:9']))"
    )
    assert done.returncode == 1
    assert "The MQTT broker at 127.0.0.1:9 cannot be used" in done.stdout
