"""The command line beside a running room, what it leaves behind, and what nobody may read."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from fleet_ear import listening
from story import Story, a_room, frames, goes_on, live, sees, tones

from appliance.cli import _parser
from appliance.demo import stage as staging
from benchmarks.room import Room, book, guest, invite, salon_words, tracebacks

COMMANDS = sorted(_parser()._subparsers._group_actions[0].choices)  # type: ignore[union-attr]  # argparse names no API
FOR_SUPERVISORS = {"fault", "lights"}
"""Not in the list that `salon --help` prints."""


@dataclass
class Place:
    """A room that was in a call with a guest, whose link this is."""

    room: Room
    story: Story
    link: str
    watched: list[str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    out = tmp_path_factory.mktemp("room")
    with a_room(out, up=("--panel-shot", str(out / "panel.svg"))) as (room, story):
        link = invite(room)
        # into a file: a pipe that nobody reads is full long before the meeting is live
        with (out / "watched").open("w") as watched:
            watching = subprocess.Popen(salon_words(room.stage, "watch"), stdout=watched)
        with guest(room, link) as visitor:
            book(room, 2, link=link)
            story.becomes(live)
            goes_on(lambda: frames(visitor))
            goes_on(lambda: tones(visitor), 2)
            watching.terminate()
            watching.wait(30)
            yield Place(room, story, link, (out / "watched").read_text().splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        _parser().parse_args([command, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "usage: salon" in said
    assert re.search(rf"examples?:\n  salon {command}", said)


def test_watch_prints_each_state_as_a_line_of_json(place: Place) -> None:
    states = [json.loads(line) for line in place.watched]
    phases = [state["call"]["phase"] for state in states]
    assert phases[0] == "idle"
    assert "live" in phases
    revs = [state["rev"] for state in states]
    assert revs == sorted(set(revs))


def test_status_says_in_words_and_in_json_what_the_room_does(place: Place) -> None:
    said = place.room.salon("status")
    assert "live" in said
    assert "with 1 person" in said
    assert json.loads(place.room.salon("status", "--json"))["call"]["phase"] == "live"


def test_doctor_names_remedies_and_sees_the_running_room(place: Place) -> None:
    done = place.room.attempt("doctor")
    assert "the room is running" in done.stdout
    for line in re.findall(r"lack.*\n(.*)", done.stdout):
        assert "->" in line
    assert not done.stderr


def test_commands_without_a_room_say_so_in_one_sentence(tmp_path: Path) -> None:
    stage = staging.build(tmp_path)
    for command in ("status", "watch", "join", "leave", "mute"):
        done = subprocess.run(salon_words(stage, command), capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("salon: no room answers")
        assert len(done.stderr.splitlines()) == 1


def test_no_secret_is_in_any_log_state_message_or_picture(place: Place) -> None:
    room = place.room
    keys = json.loads((room.stage.state / "hub" / "keys.json").read_text())
    secrets = [place.link.rpartition("#")[2], keys["secret"], place.link]
    with listening(room) as ear:
        state_id = place.story.now.id
        assert ear.ask(state_id, "rebirth")["status"] == "ok"
        sees(lambda: any(topic.endswith("/up/health") for topic, _ in ear.heard))
        spoken = {topic: payload.decode() for topic, payload in list(ear.heard)}
    public = {path.name: path.read_text() for path in (room.stage.out / "logs").glob("*.log")}
    public |= spoken | {"panel": (room.stage.out / "panel.svg").read_text()}
    public |= {"watch": "\n".join(place.watched), "link": "\n".join(place.story.lines)}
    public |= {"up": (room.stage.out / "up.log").read_text(), "status": room.salon("status", "--json")}
    assert {"daemon.log", "media.log", "hub.log", "panel.log"} <= public.keys()
    for where, text in public.items():
        for secret in secrets:
            assert secret not in text, where
        # a token as LiveKit has it: a JSON Web Token
        assert not re.search(r"eyJ[\w-]{10,}\.[\w-]{10,}", text), where


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_room_that_ends_leaves_no_process_behind(how: signal.Signals, tmp_path: Path) -> None:
    stage = staging.build(tmp_path, "null:")
    words = salon_words(stage, "up", "--panel", "headless", "--logs", str(tmp_path / "logs"), "--hub", "--broker")
    with (tmp_path / "up.log").open("wb") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=log)
    up = psutil.Process(process.pid)
    with Story(stage.runtime) as story:
        story.becomes(lambda state: state.senses.connected and state.face.connected)
    family = up.children(recursive=True)
    assert len(family) >= 6
    up.send_signal(how)
    process.wait(30)
    _, left = psutil.wait_procs(family, 15)
    for lost in left:
        lost.kill()
    assert not left
    assert not tracebacks(tmp_path)
    assert process.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 0)


def test_the_command_is_a_module_too() -> None:
    done = subprocess.run([sys.executable, "-m", "appliance.cli", "--help"], capture_output=True, text=True, check=True)
    for command in COMMANDS:
        assert (f"\n    {command} " in done.stdout) is (command not in FOR_SUPERVISORS)
