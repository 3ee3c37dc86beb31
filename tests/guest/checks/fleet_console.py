"""The fleet's console on a server, set up as an admin does it: real units, mosquitto, a room that comes and goes."""

# limit: 400

import socket
import ssl
import stat
import time
from pathlib import Path

import installed_console as console
import installed_room
from check import read, step, within
from installed_room import run, shown

START_S, ROOM_S = 150.0, 90.0
SETTINGS = """\
[room]
name = "Aquarium"
[tv]
cec = "off"
"""
SHUTS_OUT = "salon-revoked.service"
UNITS = ("salon-console.service", "salon-revoked.path", SHUTS_OUT)
ROOM_CONSOLE = Path("/var/lib/salon/console")
ROOMS_PORT = 8883


def owned(path: Path) -> tuple[str, str, str]:
    """Return whose a file is, and its mode."""
    mode = path.lstat().st_mode
    whose = path.owner(follow_symlinks=False), path.group(follow_symlinks=False)
    return *whose, "link" if stat.S_ISLNK(mode) else f"{stat.S_IMODE(mode):o}"


def check_secrets() -> None:
    """Nobody reads what makes the console this console, and mosquitto's group no more than mosquitto needs."""
    own = "salon-console", "salon-console"
    for path in (console.STATE, console.STATE / "authority"):
        assert owned(path) == (*own, "700"), (path, owned(path))
    for path in sorted((console.STATE / "authority").iterdir()):
        allowed = {"600", "link"} | ({"644"} if path.name == "ca.pem" else set())
        who, group, mode = owned(path)
        assert (who, group) == own, (path, owned(path))
        assert mode in allowed, (path, mode)
    # nobody but root writes what mosquitto does as it starts, and the console only whom it is to refuse
    assert owned(console.BROKER) == ("root", "mosquitto", "751"), owned(console.BROKER)
    for path in sorted(console.BROKER.iterdir()):
        writer, mode = "mosquitto" if path.name in {"passwords", "permissions"} else "root", "640"
        if path.name == "revoked":
            writer, mode = "salon-console", "2750"
        assert owned(path) == (writer, "mosquitto", mode), (path, owned(path))
    listed = console.BROKER / "revoked" / "crl.pem"
    assert owned(listed) == ("salon-console", "mosquitto", "644"), owned(listed)


def connections() -> set[str]:
    """Return the far ends of what is connected to mosquitto's door for rooms."""
    lines = [line.split() for name in ("tcp", "tcp6") for line in read(f"/proc/net/{name}").splitlines()[1:]]
    return {far for _, near, far, state, *_ in lines if state == "01" and int(near.split(":")[1], 16) == ROOMS_PORT}


def refusal() -> str:
    """Knock at mosquitto's door with the room's certificate; return why it refuses, empty when it does not."""
    trust = ssl.create_default_context(cafile=str(next(ROOM_CONSOLE.glob("ca-*.pem"))))
    trust.load_cert_chain(next(ROOM_CONSOLE.glob("room-*.pem")))
    try:
        door = socket.create_connection((console.HOST, ROOMS_PORT), 10)
        with trust.wrap_socket(door, server_hostname=console.HOST) as talk:
            talk.settimeout(3)
            talk.recv(1)
    except TimeoutError:
        return ""  # it waits for our first word
    except ssl.SSLError as err:
        return str(err)
    return "it hung up"


with installed_room.installed(SETTINGS), console.put_back():
    run("ip", "link", "set", "lo", "up")
    with step("salon console init, and mosquitto with what it wrote"):
        said = run("salon", "console", "init", "--org", "acme", "--host", console.HOST)
        assert "systemctl enable --now salon-console" in said, said
        run("ln", "-sf", str(console.BROKER / "mosquitto.conf"), str(console.CONFIGURATION))
        run("systemctl", "restart", "mosquitto")
        told = run("journalctl", "--unit=mosquitto", "--no-pager")
        assert "running" in told, told
        assert "Warning" not in told, told  # of what later releases refuse
    with step("the console's unit is started"):
        console.certify_pages()
        for path in (console.CERTIFICATE, console.KEY):
            run("install", "-o", "salon-console", "-g", "salon-console", "-m", "600", str(path), f"{path}.own")
            Path(f"{path}.own").replace(path)
        console.serve_pages()
        run("systemctl", "enable", "--now", "salon-console", "salon-revoked.path")
        assert shown("salon-console", "ActiveState") == "active"
    with step("its pages answer, and the first admin comes in"):
        become = ("setpriv", "--reuid=salon-console", "--regid=salon-console", "--init-groups")
        link = run(*become, "salon", "console", "admin-link")
        admin = console.Admin()
        within(START_S, "the pages", admin.is_there)
        admin.become(link.strip())
        check_secrets()
    with step("a room comes in by its code, and is online"):
        code = admin.ask("codes", {})["code"]
        run("salon", "setup", "--console", console.URL, "--code", code, "--ca", str(console.PAGES_CA / "ca.pem"))
        run("systemctl", "restart", "salon-daemon")
        room = read("/var/lib/salon/room-id")
        console.online(admin, room, ROOM_S)
        assert len(connections()) == 1
        assert refusal() == ""
    with step("killed, it comes again by itself and sees the room"):
        killed = int(time.time() * 1000)
        run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "salon-console")
        within(START_S, "systemd to start it again", lambda: shown("salon-console", "NRestarts") == "1")
        within(START_S, "the pages", admin.is_there)
        console.online(admin, room, ROOM_S, after=killed)
    with step("a room that is retired is cut off, and stays out"):
        before = connections()
        admin.ask(f"rooms/{room}/retire", {})
        within(ROOM_S, "the list to be seen", lambda: shown(SHUTS_OUT, "ExecMainExitTimestamp"))
        within(ROOM_S, "its connection to end", lambda: not before & connections())
        assert "revoked" in within(ROOM_S, "mosquitto to refuse it", refusal)
        within(ROOM_S, "the end of the shutting out", lambda: shown(SHUTS_OUT, "ActiveState") == "inactive")
        assert shown(SHUTS_OUT, "Result") == "success"
        check_secrets()
    with step("systemd has nothing to say about the units"):
        assert run("systemd-analyze", "--man=no", "verify", *UNITS) == ""
