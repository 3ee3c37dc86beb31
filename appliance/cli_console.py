"""`salon console`: the commands of those who look after a fleet."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.cli_parts import Commands, Run, not_installed, settings_of, with_parts
from appliance.errors import SalonError
from appliance.files import as_owner_of
from appliance.service import run_program, utc_now
from appliance.state.counted import counted

if TYPE_CHECKING:
    from fleet.console import ConsoleSettings
    from fleet.settings import Settings

_EXAMPLES = """examples:
  salon console init --host NAME      set it up, once
  salon console                       run the fleet's console: ingest, control and pages
  salon console --once                list the rooms that the broker knows, without a database
  salon console COMMAND --help        more on one command"""
_INIT_EXAMPLES = """examples:
  sudo salon console init --org acme --host rooms.example.org                    with mosquitto on this machine
  sudo salon console init --org acme --host rooms.example.org --host 192.0.2.7   rooms may use either
  sudo salon console init                                                        again: a new certificate for mosquitto

With embedded = true under [broker] in the settings no mosquitto is needed, and no --host."""
_PARTS = {
    "ingest": "store what rooms say",
    "control": "watch rules, send alerts, run jobs and configure rooms",
    "web": "serve the pages and the API",
    "broker": "run the small MQTT broker that [broker] describes",
}
_ONE_PART = """example:
  salon console {part}    this part alone, such as in a unit of its own; `salon console` runs all of them"""
_TOP_EXAMPLES = """examples:
  sudo salon console top        the rooms with trouble first; t shows trouble alone, q quits
  ssh -t rooms.example.org sudo salon console top"""
_LINK_EXAMPLES = """example:
  sudo -u salon-console salon console admin-link

Open the link in a browser within a day and choose a name and a password. It also helps when all admins are lost."""
_VERIFY_EXAMPLES = """example:
  sudo salon console audit verify

Note the head it prints elsewhere; with it, `verify HEAD` checks later that nothing was cut off since."""
_SHUT_OUT_EXAMPLES = """example:
  sudo -u salon-console salon console shut-out"""
_BACKUP_EXAMPLES = """example:
  sudo salon console backup /mnt/backup/console-$(date +%F).tar"""
_RESTORE_EXAMPLES = """example:
  sudo systemctl stop salon-console
  sudo salon console restore /mnt/backup/console-2026-11-23.tar
  sudo systemctl start salon-console"""
_ERASE_EXAMPLES = """examples:
  sudo salon console erase room 05bcc8ab-3c28-406a-88df-de01931a1c63    the id stands on the room's page
  sudo salon console erase person ada"""


def add_console(commands: "Commands") -> None:
    """Add `salon console` and what is below it."""
    console = _add(commands, "console", "run the fleet's console", _EXAMPLES)
    console.add_argument("--once", action="store_true", help="print a table of the rooms once, asking the broker")
    console.add_argument("--url", default="", help="the broker, with --once")
    console.set_defaults(run=with_parts(_run_console))
    below = console.add_subparsers(title="commands", metavar="COMMAND")
    _add_init(below)
    for name, words in _PARTS.items():
        _add(below, name, words, _ONE_PART.format(part=name), run=_run_part).set_defaults(part=name)
    _add(below, "top", "watch the fleet in this terminal", _TOP_EXAMPLES, run=_run_top)
    _add(below, "admin-link", "print a link that makes its reader an admin, once", _LINK_EXAMPLES, run=_run_admin_link)
    audit = _add(below, "audit", "the log of who did what", _VERIFY_EXAMPLES)
    check = audit.add_subparsers(title="commands", metavar="verify", required=True)
    verify = _add(check, "verify", "check that nobody changed the log", _VERIFY_EXAMPLES, run=_run_audit_verify)
    words = "what it printed some time ago: it is checked that nothing was cut off since"
    verify.add_argument("head", nargs="?", default="", metavar="HEAD", help=words)
    _add_care(below)
    _add_shut_out(below)


def _add_init(below: "Commands") -> None:
    init = _add(below, "init", "set a console up: its keys, its broker, its settings", _INIT_EXAMPLES, run=_run_init)
    init.add_argument("--org", default="", help="the organisation in the topics, where there are no settings yet")
    init.add_argument(
        "--state", default="", metavar="FOLDER", help="where its keys go, where there are no settings yet"
    )
    words = "a name or address by which rooms reach mosquitto; may be given again, the first is told to rooms"
    init.add_argument("--host", action="append", default=[], help=words)
    init.add_argument("--port", type=int, default=8883, help="mosquitto's port for rooms (default: 8883)")
    init.add_argument("--console-port", type=int, default=1883, help="its port for the console (default: 1883)")
    init.add_argument(
        "--broker", type=Path, metavar="FOLDER", help="mosquitto's files (default: /var/lib/salon-mosquitto)"
    )


def _add_care(below: "Commands") -> None:
    words = "write database, certificates and keys into one file; the console may run"
    backup = _add(below, "backup", words, _BACKUP_EXAMPLES, run=_run_backup)
    backup.add_argument("file", type=Path, metavar="FILE", help="a new file, which only its owner may read")
    words = "put a back-up in the place of what is there; the console must not run"
    restore = _add(below, "restore", words, _RESTORE_EXAMPLES, run=_run_restore)
    restore.add_argument("file", type=Path, metavar="FILE", help="what `salon console backup` has written")
    words = "forget a room or a person, with all that is stored of them; there is no way back"
    erase = _add(below, "erase", words, _ERASE_EXAMPLES, run=_run_erase)
    erase.add_argument("what", choices=("room", "person"))
    erase.add_argument("name", help="the room's id; the user's name, or any other name of a person")


def _add_shut_out(below: "Commands") -> None:
    words = "end connections to the broker of rooms that were just taken out; salon-revoked.service does it"
    _add(below, "shut-out", words, _SHUT_OUT_EXAMPLES, run=_run_shut_out)


def _add(
    commands: "Commands", name: str, words: str, epilog: str, *, run: Run | None = None
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=words,
        description=words[0].upper() + words[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words = "the console's settings (default: /etc/salon/console.toml)"
    parser.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help=words)
    if run is not None:
        parser.set_defaults(run=with_parts(run))
    return parser


def _settings(options: argparse.Namespace, *, look: bool = False) -> "Settings":
    from fleet.settings import load

    return load(options.config, look=look)


def _of_a_console(options: argparse.Namespace) -> "Settings":
    """Read the settings of a console that is there: nobody who only looks should make an empty one."""
    settings = _settings(options)
    scheme, _, file = settings.database_url.partition(":")
    try:
        if scheme == "sqlite" and not Path(file).exists():
            raise SalonError(
                f"There is no console here: {file} is not there. Name the console's settings with --config, "
                "or set one up (sudo salon console init --host NAME) and start it."
            )
    except PermissionError as err:
        raise SalonError(f"{file} is for the console's own user: say sudo before this command.") from err
    return settings


@contextmanager
def _as_its_user(settings: "Settings") -> Iterator[None]:
    """Be whom the console's folder belongs to, where root asks: nothing they put there leads root astray."""
    # one that is not there yet is made by who asks
    there = os.geteuid() != 0 or settings.state_dir.exists()
    with as_owner_of(settings.state_dir) if there else nullcontext():
        yield


def _run_init(options: argparse.Namespace) -> int:
    from fleet.init import BROKER, Wish, make_console, next_steps
    from fleet.settings import SYSTEM_FILE, chosen_file

    wish = Wish(
        chosen_file(options.config) or SYSTEM_FILE,
        tuple(options.host),
        options.port,
        options.console_port,
        options.org,
        options.state,
        options.broker or BROKER,
    )
    print("\n".join(next_steps(make_console(wish, utc_now()))))
    return 0


def _run_console(options: argparse.Namespace) -> int:
    if options.once:
        from fleet.console import console_once

        return asyncio.run(console_once(_broker_to_ask(options), write=print, now=utc_now))
    from fleet.main import lacking, run_console
    from fleet.settings import chosen_file

    settings = _settings(options, look=True)
    if module := lacking(settings):
        raise not_installed(module)
    return run_program(lambda: run_console(settings, chosen_file(options.config)))


def _broker_to_ask(options: argparse.Namespace) -> "ConsoleSettings":
    """Return the console's broker where this is a console, else the room's."""
    from fleet.console import ConsoleSettings
    from fleet.settings import chosen_file

    if chosen_file(options.config) is None:
        room = settings_of(options).mqtt
        url = options.url or room.url or "mqtt://127.0.0.1:1883"
        return ConsoleSettings(url, room.org, room.username, room.password_file, room.ca_file)
    settings = _settings(options)
    mqtt, user = settings.mqtt, settings.mqtt.ingest
    return ConsoleSettings(
        options.url or mqtt.url,
        settings.console.org,
        user.username,
        user.password_file,
        mqtt.ca_file,
        user.cert_file,
        user.key_file,
    )


def _run_part(options: argparse.Namespace) -> int:
    from fleet import main

    settings = _settings(options, look=True)
    if options.part == "broker":
        return run_program(lambda: main.broker(settings))
    return run_program(lambda: main.run_part(options.part, settings))


def _run_backup(options: argparse.Namespace) -> int:
    from fleet.store.backup import back_up

    settings = _of_a_console(options)
    asyncio.run(back_up(settings.database_url, settings.state_dir, options.file))
    print(f"{options.file} holds the console's database and keys: keep it where nobody else can read it.")
    return 0


def _run_restore(options: argparse.Namespace) -> int:
    from fleet.store.backup import restore

    settings = _settings(options)
    asyncio.run(restore(settings.database_url, settings.state_dir, options.file))
    print(
        "The back-up is in place. Start the console: sudo systemctl start salon-console. "
        "On another machine than before, say `sudo salon console init` first: mosquitto's files are not in it."
    )
    return 0


def _run_erase(options: argparse.Namespace) -> int:
    from fleet.main import erase

    settings = _of_a_console(options)
    with _as_its_user(settings):
        found = asyncio.run(erase(settings, options.what, options.name, utc_now()))
    if not found.found:
        print(f"There is no {options.what} {options.name}.")
        return 1
    print(f"All that was stored of the {options.what} {options.name} is erased.")
    if found.standing:
        print("The name still stands where only you can change it:", *found.standing, sep="\n- ")
    return 0


def _run_shut_out(options: argparse.Namespace) -> int:
    from fleet.main import shut_out

    settings = _settings(options)
    with _as_its_user(settings):
        ended = asyncio.run(shut_out(settings, utc_now()))
    print(f"Rooms that were taken out lately and are cut off now: {ended}.")
    return 0


def _run_admin_link(options: argparse.Namespace) -> int:
    from fleet.settings import chosen_file
    from fleet.web.main import first_admin_link

    # one that is set up and was never started may have its first admin already
    settings = _settings(options) if chosen_file(options.config) else _of_a_console(options)
    with _as_its_user(settings):
        print(asyncio.run(first_admin_link(settings)))
    return 0


def _run_audit_verify(options: argparse.Namespace) -> int:
    from fleet.web.main import audit_verdict

    settings = _of_a_console(options)
    with _as_its_user(settings):
        found, known = asyncio.run(audit_verdict(settings, options.head.strip().lower()))
    if found.broken_at is not None:
        print(f"The log was tampered with: entry {found.broken_at} does not fit the one before it.")
        return 1
    if not known:
        print(
            f"The log was tampered with: no entry goes by {options.head}. Its end was cut off, or it was written anew."
        )
        return 1
    print(f"The log is whole: {counted(found.entries, 'entry', 'entries')}. Note its head: {found.head}")
    return 0


def _run_top(options: argparse.Namespace) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SalonError(
            "`salon console top` draws on a terminal and there is none (ssh -t gives one); "
            "`salon console --once` prints a table."
        )
    from fleet.top import run_top

    settings = _of_a_console(options)
    with _as_its_user(settings):
        asyncio.run(run_top(settings.database_url))
    return 0
