"""What the commands of `salon` are made of."""

import argparse
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import TypeAlias

from appliance.errors import SalonError
from appliance.sections import Settings
from appliance.settings import load


def settings_of(options: argparse.Namespace, *, look: bool = False) -> Settings:
    """Read the settings that the command line names."""
    return load(options.config, look=look)


def add_config(parser: argparse.ArgumentParser, default: str | None = argparse.SUPPRESS) -> None:
    """Let a command take its settings too; without a default of its own it keeps those named before it."""
    words = "settings (default: /etc/salon/room.toml)"
    parser.add_argument("--config", type=Path, metavar="FILE", default=default, help=words)


Run: TypeAlias = Callable[[argparse.Namespace], int]
"""What a command does; returns the exit status."""


def not_installed(module: str, part: str = "console") -> SalonError:
    """Say which part of Salon brings a module that is not there, and how it is added."""
    part = {"amqtt": "broker", "asyncpg": "console-pg"}.get(module, part)
    beside = "room,hub" if part in {"room", "hub"} else f"room,hub,{part}"
    return SalonError(
        f"{module} is not installed, which this needs; Salon's part {part} brings it. In Salon's folder: "
        f"sudo make install PARTS={beside} (PARTS={part} where nothing else is). "
        f"Elsewhere: pip install 'salon[{part}]'"
    )


def with_parts(run: Run, part: str = "console") -> Run:
    """Have a command say what to install where the part it belongs to is not."""

    @wraps(run)
    def told(options: argparse.Namespace) -> int:
        try:
            return run(options)
        except ModuleNotFoundError as err:
            raise not_installed(str(err.name).partition(".")[0], part) from err

    return told


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - no public name
"""What commands are added to."""


def add_command(
    commands: "Commands", name: str, words: str, example: str, *, listed: bool = True
) -> argparse.ArgumentParser:
    """Add a command with its help and an example."""
    add = partial(commands.add_parser, name, help=words) if listed else partial(commands.add_parser, name)
    parser = add(
        description=words[0].upper() + words[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config(parser)
    return parser
