"""`salon up` with small programs in the place of the room's."""

import asyncio
import os
import sys

import pytest

from appliance import up
from appliance.cli import main
from appliance.errors import SalonError
from appliance.link.faults import FOLDER, read_faults
from appliance.restarting import SalonUp
from appliance.up import Program, Supervisor


async def given_up(tmp_path, monkeypatch, text):
    """Let a program crash until it is given up; returns the reason, and its log."""
    (tmp_path / "crash.py").write_text(text)
    monkeypatch.setattr(up, "_RESTART_S", 0.0)
    spawn = asyncio.create_subprocess_exec

    async def stand_in(*_words, **options):
        return await spawn(sys.executable, tmp_path / "crash.py", **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", stand_in)
    supervisor = Supervisor(
        [Program("display", ("display",))], config=None, runtime_dir=tmp_path, log_dir=tmp_path / "logs", rest_s=60
    )
    running = asyncio.create_task(supervisor.run())
    async with asyncio.timeout(30):
        while not (found := read_faults(tmp_path / FOLDER)):
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return found[0].reason, (tmp_path / "logs/display.log").read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import sys; sys.exit('salon: the disk is full, see https://h/t0ken')", "the disk is full, see https://h/…"),
        ("raise OSError('no such screen')", "OSError: no such screen"),
        ("import sys; sys.exit('salon: bad\\n12:00:00 I appliance: bye')", "bad"),
    ],
)
async def test_a_program_given_a_rest_is_quoted(tmp_path, monkeypatch, text, words):
    reason, log = await given_up(tmp_path, monkeypatch, text)
    assert reason == f"It ended 3 times in five minutes, last with exit status 1. Its last words: {words}"
    assert len(log.splitlines()) >= 3


async def test_of_a_program_that_said_nothing_no_reason_is_guessed(tmp_path, monkeypatch):
    reason, _ = await given_up(tmp_path, monkeypatch, "raise SystemExit(3)")
    assert (
        reason == "It ended 3 times in five minutes, last with exit status 3. `salon doctor` and its log may say why."
    )


async def test_a_dead_program_whose_child_holds_its_voice_is_still_seen_to_end(tmp_path, monkeypatch):
    text = "import subprocess, sys; subprocess.Popen(['sleep', '5']); sys.exit('salon: gone')"
    reason, _ = await given_up(tmp_path, monkeypatch, text)
    assert reason.endswith("Its last words: gone")


def test_up_starts_nothing_while_a_value_or_a_file_is_wrong(tmp_path, capsys):
    config = tmp_path / "room.toml"
    config.write_text(
        f'paths = {{ state = "{tmp_path}/state", runtime = "{tmp_path}/run" }}\n'
        'room.timezone = "Mars/Olympus"\nmqtt.password_file = "/none/password"\n'
    )
    assert main(["--config", str(config), "up", "--panel", "none"]) == 1
    said = capsys.readouterr().err
    assert "has 2 mistakes" in said
    assert "Mars/Olympus" in said
    assert "/none/password" in said
    assert [path.name for path in tmp_path.iterdir()] == ["room.toml"]


async def test_a_room_that_runs_already_is_not_run_twice(tmp_path):
    def room(folder):
        return Supervisor([], config=None, runtime_dir=folder, log_dir=None)

    (tmp_path / "another").mkdir()
    with up._alone(tmp_path, "this runs this room already. End that one first."):
        with pytest.raises(up.RunsAlready, match=r"runs this room already.*End that one first"):
            await room(tmp_path).run()
        await room(tmp_path / "another").run()
    await room(tmp_path).run()


async def test_a_folder_that_takes_no_lock_is_said_in_words(tmp_path):
    (tmp_path / "up.lock").mkdir()
    with pytest.raises(SalonError, match=r"up\.lock cannot be written .* set \[paths\]"):
        await Supervisor([], config=None, runtime_dir=tmp_path, log_dir=None).run()


async def test_asked_to_start_all_anew_it_does_so_as_often_as_asked_and_takes_it_for_no_crash(tmp_path, monkeypatch):
    (tmp_path / "live.py").write_text(
        "import os, pathlib, sys, time\n"
        "with open(sys.argv[1], 'a') as lives:\n    print(os.environ['SALON_LOGS'], file=lives)\n"
        "time.sleep(60)\n"
    )
    spawn = asyncio.create_subprocess_exec

    async def stand_in(*_words, **options):
        return await spawn(sys.executable, tmp_path / "live.py", tmp_path / "lives", **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", stand_in)
    logs = tmp_path / "logs"
    supervisor = Supervisor([Program("media", ("media",))], config=None, runtime_dir=tmp_path, log_dir=logs)
    running = asyncio.create_task(supervisor.run())
    lives = tmp_path / "lives"
    for life in range(1, 6):
        async with asyncio.timeout(20):
            while not lives.exists() or lives.read_text().count("\n") < life:
                await asyncio.sleep(0.02)
        await SalonUp(os.getpid()).restart()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert read_faults(tmp_path / FOLDER) == ()
    assert set(lives.read_text().split()) == {str(logs)}
