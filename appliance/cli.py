"""`salon`: one command for the room's programs and for the people who look after it."""

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from appliance.cli_console import add_console
from appliance.cli_parts import Commands, add_command, add_config, settings_of, with_parts
from appliance.cli_setup import add_setup
from appliance.cli_wishes import add_care_of_devices, add_wishes
from appliance.errors import SalonError
from appliance.service import AGAIN, log_to_file, log_to_stderr, run_program, start_again

_PR_SET_PDEATHSIG = 1
_INVITE = 'salon hub invite --title "Design review" --until 2026-12-01T12:00'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `salon`; returns the exit status."""
    options = _parser().parse_args(arguments)
    _end_with_parent()
    # numpy's BLAS would spin a thread a core; set before anybody imports it
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    log_to_stderr(verbose=options.verbose)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        if status == AGAIN:
            start_again()
    except SalonError as err:
        print(f"salon: {err}", file=sys.stderr)  # noqa: T201 - the command's own voice
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # somebody piped us into head(1); there is nobody left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _end_with_parent() -> None:
    """Under `salon up`, die with it, even if it is killed (prctl(2)); nothing may go on capturing unseen."""
    parent = os.environ.get("SALON_PARENT")
    if parent:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):
            sys.exit(0)


def _at_terminal() -> bool:
    """Whether there is one to read keys from and to draw on; a log may go elsewhere."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="salon",
        description="A meeting room that joins its scheduled meetings by itself.",
        epilog="examples:\n  salon up                  run the whole room in this terminal\n"
        "  salon status              what the room is doing\n"
        "  salon doctor              what this machine has and lacks\n"
        "  salon COMMAND --help      more on one command",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config(parser, default=None)
    parser.add_argument("--verbose", "-v", action="store_true", help="log what only developers want to know")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (
        _add_programs,
        _add_servers,
        add_console,
        _add_up,
        _add_questions,
        add_wishes,
        add_care_of_devices,
        add_setup,
        _add_care,
    ):
        add(commands)
    return parser


def _add_programs(commands: "Commands") -> None:
    daemon = add_command(
        commands, "daemon", "run the room's brain: calendar, rules, state", "salon daemon --config /etc/salon/room.toml"
    )
    daemon.set_defaults(run=with_parts(_run_daemon, "room"))
    media = add_command(commands, "media", "run camera, microphone, speaker and calls", "salon media")
    media.set_defaults(run=with_parts(_run_media, "room"))
    display = add_command(commands, "display", "run the TV picture", "salon display")
    display.add_argument("--safe", action="store_true", help="show only what is broken; for supervisors")
    display.set_defaults(run=with_parts(_run_display, "room"))
    panel = add_command(
        commands, "panel", "open the touch panel in this terminal (over SSH it cannot unmute)", "salon panel"
    )
    panel.add_argument("--kiosk", action="store_true", help="no key ends it: for the room's own panel")
    panel.add_argument("--headless", action="store_true", help="run without a terminal")
    panel.add_argument("--shot", type=Path, metavar="FILE.svg", help="keep a picture of the panel in this file")
    panel.set_defaults(run=with_parts(_run_panel, "room"))


def _run_daemon(options: argparse.Namespace) -> int:
    from appliance.daemon import run_daemon
    from appliance.settings import load_own
    from appliance.telemetry.configurator import count_start

    own = load_own(options.config)
    count_start(own)
    settings = settings_of(options)
    return run_program(lambda: run_daemon(settings, own))


def _run_media(options: argparse.Namespace) -> int:
    from appliance.programs import media

    settings = settings_of(options)
    return run_program(lambda: media(settings, partial(settings_of, options)))


def _run_display(options: argparse.Namespace) -> int:
    from appliance.programs import display, safe_display

    settings, again = settings_of(options), partial(settings_of, options)
    return run_program(lambda: safe_display(settings) if options.safe else display(settings, again))


def _run_panel(options: argparse.Namespace) -> int:
    from appliance.programs import panel

    settings = settings_of(options)
    if not options.headless and not _at_terminal():
        raise SalonError("the panel draws on a terminal and there is none; run it in one, or say --headless")
    if sys.stderr.isatty() and not options.headless:
        logging.disable()  # a line of log would be drawn over the screen
    return run_program(lambda: panel(settings, headless=options.headless, kiosk=options.kiosk, shot=options.shot))


def _add_servers(commands: "Commands") -> None:
    hub = add_command(commands, "hub", "run the embedded meeting server, or invite guests to it", _INVITE)
    hub.set_defaults(run=with_parts(_run_hub, "hub"))
    invite = add_command(hub.add_subparsers(metavar="invite"), "invite", "make a guest link and print it", _INVITE)
    invite.add_argument("--title", default="Meeting", help="what the guest page calls the meeting")
    invite.add_argument("--until", default="", metavar="TIME", help="when the link ends, ISO 8601 (default: in a day)")
    invite.set_defaults(run=with_parts(_run_invite, "hub"))
    broker = add_command(
        commands,
        "broker",
        "run the embedded MQTT broker, for trying things out",
        "salon broker &\n  salon console --once --url mqtt://127.0.0.1:1883",
    )
    broker.set_defaults(run=with_parts(_run_broker))


def _run_hub(options: argparse.Namespace) -> int:
    from appliance.programs import hub

    settings = settings_of(options)
    return run_program(lambda: hub(settings))


def _run_invite(options: argparse.Namespace) -> int:
    from appliance.programs import invite

    print(invite(settings_of(options), title=options.title, until=options.until))  # noqa: T201 - the command's answer
    return 0


def _run_broker(options: argparse.Namespace) -> int:
    from appliance.programs import broker

    settings = settings_of(options)
    return run_program(lambda: broker(settings))


def _add_up(commands: "Commands") -> None:
    up = add_command(
        commands, "up", "run the whole room on this machine, and restart what crashes", "salon up --hub --broker"
    )
    up.add_argument("--hub", action="store_true", help="also run the embedded meeting server")
    up.add_argument("--broker", action="store_true", help="also run the embedded MQTT broker")
    up.add_argument("--panel", choices=("terminal", "headless", "none"), help="default: terminal, if there is one")
    up.add_argument("--panel-shot", type=Path, metavar="FILE.svg", help="keep a picture of a headless panel here")
    up.add_argument("--logs", type=Path, metavar="FOLDER", help="write each program's log here instead of the terminal")
    up.add_argument(
        "--rest",
        type=float,
        default=60,
        metavar="SECONDS",
        help="how long a program rests that crashed three times in five minutes (default: 60)",
    )
    up.set_defaults(run=_run_up)


def _run_up(options: argparse.Namespace) -> int:
    from appliance.programs import runtime_dir
    from appliance.up import Supervisor, room_programs

    settings = settings_of(options, look=True)
    chosen = options.panel or ("terminal" if _at_terminal() else "headless")
    shot = ("--shot", str(options.panel_shot)) if options.panel_shot else ()
    panel = {"terminal": ("panel",), "headless": ("panel", "--headless", *shot), "none": ()}[chosen]
    logs = options.logs or (settings.runtime_dir / "logs" if chosen == "terminal" else None)
    if chosen == "terminal" and logs is not None:
        log_to_file(logs / "up.log")
    supervisor = Supervisor(
        room_programs(panel=panel, hub=options.hub, broker=options.broker, lights=bool(settings.wires.mute_light)),
        config=options.config,
        runtime_dir=runtime_dir(settings),
        log_dir=logs,
        rest_s=options.rest,
    )
    return run_program(supervisor.run)


def _add_questions(commands: "Commands") -> None:
    status = add_command(commands, "status", "say what the room is doing", "salon status --json")
    status.add_argument("--json", action="store_true", help="the whole public state as JSON")
    status.set_defaults(run=_run_status)
    watch = add_command(
        commands, "watch", "print the room's public state as a JSON line at each change", "salon watch | jq .call.phase"
    )
    watch.set_defaults(run=_run_watch)
    doctor = add_command(commands, "doctor", "say what this machine has and lacks, with remedies", "salon doctor")
    doctor.set_defaults(run=_run_doctor)


def _run_status(options: argparse.Namespace) -> int:
    from appliance.oneshot import status

    return asyncio.run(status(settings_of(options), as_json=options.json))


def _run_watch(options: argparse.Namespace) -> int:
    from appliance.oneshot import watch

    return asyncio.run(watch(settings_of(options)))


def _run_doctor(options: argparse.Namespace) -> int:
    from appliance.doctor import run_doctor

    return run_doctor(options.config)


def _add_care(commands: "Commands") -> None:
    fault = add_command(
        commands,
        "fault",
        "note that a program was given up, or works again; for supervisors",
        "salon fault record display",
        listed=False,
    )
    fault.add_argument("action", choices=("record", "clear"))
    fault.add_argument("program", help="the program, also as a unit name (salon-display.service)")
    reason = "It keeps crashing. Its log says why: journalctl -u salon-{program}."
    fault.add_argument("--reason", default=reason, help="what TV and panel say of it")
    fault.set_defaults(run=_run_fault)


def _run_fault(options: argparse.Namespace) -> int:
    from appliance.link import faults
    from appliance.service import utc_now

    runtime = settings_of(options).runtime_dir
    program = options.program.removeprefix("salon-").removesuffix(".service")
    if options.action == "clear":
        faults.clear(runtime, program)
    else:
        faults.record(runtime, faults.Fault(program, options.reason.format(program=program), utc_now()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
