"""The units as systemd's own tools see them: in a scratch root, with a stand-in for the command `salon`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.init import BROKER
from fleet.mosquitto import REVOKED_LIST

SOURCES = Path(__file__).parents[3] / "systemd"
UNITS = sorted(path.name for path in SOURCES.iterdir() if path.is_file())
PROGRAMS = ["daemon", "media", "display", "panel", "hub", "broker"]
WATCHED = ["daemon", "media", "display", "display-safe"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root directory in which Salon is installed as a Debian package would do it."""
    root = tmp_path_factory.mktemp("root")
    system = root / "usr/lib/systemd/system"
    shutil.copytree("/usr/lib/systemd/system", system, symlinks=True)
    (root / "lib").symlink_to("usr/lib")
    for name in UNITS:
        shutil.copy(SOURCES / name, system)
    for folder in ("sysusers.d", "tmpfiles.d"):
        shutil.copytree(SOURCES / folder, root / "usr/lib" / folder)
    for program in ("/usr/bin/salon", "/bin/rm", "/bin/sh", "/bin/sleep", "/bin/systemctl", "/bin/touch"):
        stand_in = root / program[1:]
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", stand_in)
    (root / "etc/salon").mkdir(parents=True)
    (root / "etc/salon/room.toml").touch(mode=0o644)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    return root


def run(*command: str | Path) -> str:
    """Run a tool that must succeed and return all it said."""
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=50)
    assert done.returncode == 0, done.stdout
    return done.stdout


def instances() -> list[str]:
    return [name.replace("@.", "@salon-media.service.") for name in UNITS]


def setting(unit: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", (SOURCES / unit).read_text(), re.MULTILINE)


def test_systemd_has_nothing_to_say_about_the_units(root: Path):
    assert run("systemd-analyze", f"--root={root}", "--man=no", "verify", *instances()) == ""


def test_systemd_would_have_said_something(root: Path):
    wrong = root / "usr/lib/systemd/system/wrong.service"
    wrong.write_text((SOURCES / "salon-daemon.service").read_text().replace("WatchdogSec", "WatchdogSecs"))
    assert "Unknown key 'WatchdogSecs'" in run("systemd-analyze", f"--root={root}", "--man=no", "verify", wrong.name)


@pytest.mark.parametrize("unit", [name for name in UNITS if name.endswith(".service") and "@" not in name])
def test_little_of_the_machine_lies_open_to_a_program(root: Path, unit: str):
    # 20 means 2.0 on systemd's scale, where a bare unit has 9.6
    run("systemd-analyze", f"--root={root}", "security", "--offline=true", "--threshold=20", unit)


@pytest.mark.parametrize("program", PROGRAMS)
def test_three_crashes_in_five_minutes_are_told_and_tried_again_later(program: str):
    unit = f"salon-{program}.service"
    arguments = " --kiosk" if program == "panel" else ""
    assert setting(unit, "ExecStart") == [f"/usr/bin/salon {program}{arguments}"]
    assert setting(unit, "Restart") == ["always"]
    assert (setting(unit, "StartLimitBurst"), setting(unit, "StartLimitIntervalSec")) == (["3"], ["300"])
    (on_failure,) = setting(unit, "OnFailure")
    assert {"salon-fault@%n.service", "salon-retry@%n.service"} <= set(on_failure.split())
    assert setting(unit, "ExecStartPre")[0].lstrip("-+") == f"/bin/rm -f /run/salon/faults/{program}.json"


def test_the_console_is_nobody_in_the_room_and_keeps_its_secrets_to_itself():
    unit = "salon-console.service"
    assert setting(unit, "ExecStart") == ["/usr/bin/salon console"]
    assert setting(unit, "User") == setting(unit, "Group") == ["salon-console"]
    assert setting(unit, "SupplementaryGroups") == []
    assert setting(unit, "InaccessiblePaths") == ["-/run/salon -/var/lib/salon"]
    assert setting(unit, "StateDirectoryMode") == ["0700"]


def test_a_revoked_certificate_has_the_broker_reload_and_then_cuts_off_who_is_connected():
    assert setting("salon-revoked.path", "PathChanged") == [str(BROKER / REVOKED_LIST)]
    unit = "salon-revoked.service"
    # in this order: who is cut off first would come in again
    began, reload, cut, again = setting(unit, "ExecStart")
    # and where Debian's unit cannot reload, which takes procps, mosquitto is told so all the same
    assert reload.startswith("+/bin/sh -c 'systemctl try-reload-or-restart mosquitto.service || systemctl kill ")
    assert "--kill-whom=main --signal=HUP mosquitto.service" in reload
    assert cut == "/usr/bin/salon console shut-out"
    # a change while it runs has it run again, however many there are
    stamp = began.removeprefix("/bin/touch ")
    assert again == f"/bin/sh -c 'test ! {BROKER / REVOKED_LIST} -nt {stamp}'"
    assert Path(stamp).parts[:3] == ("/", "run", *setting(unit, "RuntimeDirectory"))
    assert (setting(unit, "Restart"), setting(unit, "StartLimitIntervalSec")) == (["on-failure"], ["0"])
    assert setting(unit, "User") == ["salon-console"]


@pytest.mark.parametrize("program", WATCHED)
def test_a_program_that_hangs_is_restarted(program: str):
    unit = f"salon-{program}.service"
    assert setting(unit, "Type") == ["notify"]
    assert setting(unit, "WatchdogSec") == ["20"]


def test_every_unit_of_ours_that_is_named_exists():
    for unit in UNITS:
        for named in re.findall(r"\bsalon[a-z-]*(?:@%n)?\.(?:service|target|path)", (SOURCES / unit).read_text()):
            assert named.replace("@%n", "@") in UNITS, f"{unit} names {named}"


def test_the_users_and_groups_the_units_name_are_made(root: Path):
    run("systemd-sysusers", f"--root={root}")
    users = {line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()}
    groups = {line.split(":")[0]: line.split(":")[3] for line in (root / "etc/group").read_text().splitlines()}
    for unit in UNITS:
        named = {group for line in setting(unit, "SupplementaryGroups") for group in line.split()} - {"tty"}
        assert {*setting(unit, "User")} <= users
        assert named <= set(groups)
    # the daemon hands each socket to its group, so it must be in all of them
    for role in ("media", "display", "panel", "control", "watch", "frames"):
        assert groups[f"salon-{role}"] == "salon"


@pytest.mark.parametrize("program", ["hub", "broker"])
def test_a_server_that_strangers_talk_to_is_nobody_in_the_room(program: str):
    unit = f"salon-{program}.service"
    assert setting(unit, "User") == setting(unit, "Group") == [f"salon-{program}"]
    # the settings' group, and none that opens a socket
    assert setting(unit, "SupplementaryGroups") == ["salon"]
    assert "-/run/salon" in setting(unit, "InaccessiblePaths")[0].split()


def test_only_who_joins_or_looks_ahead_may_see_the_hubs_certificate():
    assert setting("salon-hub.service", "StateDirectoryMode") == ["0750"]
    members = [
        unit for unit in UNITS if any("salon-hub" in line.split() for line in setting(unit, "SupplementaryGroups"))
    ]
    assert sorted(members) == ["salon-daemon.service", "salon-media.service"]


def test_the_directories_are_made_private(root: Path):
    run("systemd-sysusers", f"--root={root}")
    # the line with an access list is left out: its group names are looked up on this machine, not in the scratch root
    lines = (SOURCES / "tmpfiles.d/salon.conf").read_text().splitlines()
    kept = root / "usr/lib/tmpfiles.d/salon.conf"
    kept.write_text("\n".join(line for line in lines if not line.startswith("a+")) + "\n")
    assert run("systemd-tmpfiles", f"--root={root}", "--create", kept) == ""
    modes = {
        name: (root / name).stat().st_mode & 0o777 for name in ("run/salon", "var/lib/salon", "etc/salon/room.toml")
    }
    assert modes == {
        "run/salon": 0o755,
        "var/lib/salon": 0o700,
        "etc/salon/room.toml": 0o640,
    }
