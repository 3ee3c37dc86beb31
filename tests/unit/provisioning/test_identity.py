"""A room's id and secrets: made once, private, whole, and never quietly replaced."""

import os
import stat
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from provisioning.first_boot import prepare
from provisioning.identity import BrokenState, room_identity, secret
from provisioning.private import NotPrivate, StateTrouble


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_the_id_is_made_once_and_stays(state_dir: Path):
    first = room_identity(state_dir)
    assert uuid.UUID(first.id).version == 4
    assert room_identity(state_dir) == first
    assert room_identity(state_dir.parent / "another") != first


def test_a_secret_is_made_once_and_stays_and_each_name_has_its_own(state_dir: Path):
    first = secret(state_dir, "hub-key")
    assert len(first) >= 43
    assert secret(state_dir, "hub-key") == first
    assert secret(state_dir, "guest-link", bits=128) != first
    assert len(secret(state_dir, "guest-link", bits=128)) == 22


def test_everything_is_for_the_owner_alone_whatever_the_umask(state_dir: Path):
    before = os.umask(0)
    try:
        room_identity(state_dir)
        secret(state_dir, "hub-key")
    finally:
        os.umask(before)
    assert mode(state_dir) == mode(state_dir / "secrets") == 0o700
    assert mode(state_dir / "room-id") == mode(state_dir / "secrets" / "hub-key") == 0o600


def test_nothing_but_the_files_themselves_is_left(state_dir: Path):
    prepare(state_dir, secrets=["hub-key"])
    assert sorted(str(path.relative_to(state_dir)) for path in state_dir.rglob("*")) == [
        "room-id",
        "secrets",
        "secrets/hub-key",
    ]


def test_preparing_again_changes_nothing(state_dir: Path):
    first = prepare(state_dir, secrets=["hub-key"])
    key = secret(state_dir, "hub-key")
    assert prepare(state_dir, secrets=["hub-key", "broker"]) == first
    assert secret(state_dir, "hub-key") == key


@pytest.mark.parametrize("exposed", [0o644, 0o640, 0o604, 0o660])
def test_a_secret_that_others_can_read_is_refused_with_the_remedy(state_dir: Path, exposed: int):
    secret(state_dir, "hub-key")
    (state_dir / "secrets" / "hub-key").chmod(exposed)
    with pytest.raises(NotPrivate, match=r"can be read by others .* chmod 600"):
        secret(state_dir, "hub-key")


def test_a_state_directory_that_others_can_change_is_refused(state_dir: Path):
    room_identity(state_dir)
    state_dir.chmod(0o770)
    with pytest.raises(NotPrivate, match="chmod 700"):
        room_identity(state_dir)


def test_a_link_or_a_pipe_in_place_of_a_secret_is_refused(state_dir: Path, tmp_path: Path):
    prepare(state_dir, secrets=["real"])
    (state_dir / "secrets" / "linked").symlink_to(state_dir / "secrets" / "real")
    with pytest.raises(StateTrouble, match="cannot be read"):
        secret(state_dir, "linked")
    os.mkfifo(state_dir / "secrets" / "pipe", 0o600)
    with pytest.raises(NotPrivate, match="not a plain file"):
        secret(state_dir, "pipe")


@pytest.mark.parametrize("content", ["", "no-uuid", "00000000-0000-0000-0000-00000000000", "\x00" * 36, "{}"])
def test_a_broken_id_is_an_error_and_stays_as_it_was(state_dir: Path, content: str):
    room_identity(state_dir)
    (state_dir / "room-id").write_text(content)
    with pytest.raises(BrokenState, match="becomes a new room"):
        room_identity(state_dir)
    assert (state_dir / "room-id").read_text() == content


@pytest.mark.parametrize("content", ["", "short", "not base64url " * 9, "\x00" * 64])
def test_a_broken_secret_is_an_error_that_does_not_quote_it(state_dir: Path, content: str):
    secret(state_dir, "hub-key")
    (state_dir / "secrets" / "hub-key").write_text(content)
    with pytest.raises(BrokenState, match="Remove the file, and a new one is made") as caught:
        secret(state_dir, "hub-key")
    assert not content.strip("\x00 ") or content not in str(caught.value)


@pytest.mark.parametrize(("name", "bits"), [("../x", 256), ("", 256), ("A", 256), ("ok", 64), ("ok", 129)])
def test_a_secret_needs_a_plain_name_and_enough_bits(state_dir: Path, name: str, bits: int):
    with pytest.raises(ValueError, match="a secret needs"):
        secret(state_dir, name, bits)


def test_a_place_that_cannot_be_written_is_said_in_words(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StateTrouble, match="cannot be made"):
        room_identity(tmp_path / "file" / "state")


def test_programs_that_start_together_agree(state_dir: Path):
    program = (
        "import sys; from pathlib import Path; from provisioning.identity import room_identity, secret; "
        "sys.stdin.readline(); print(room_identity(Path(sys.argv[1])).id, secret(Path(sys.argv[1]), 'hub-key'))"
    )
    root = Path(__file__).parents[3]
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(state_dir)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for running in programs:
        assert running.stdin is not None
        running.stdin.write("go\n")
        running.stdin.flush()
    answers = {running.communicate()[0] for running in programs}
    assert len(answers) == 1
    assert len(answers.pop().split()) == 2
