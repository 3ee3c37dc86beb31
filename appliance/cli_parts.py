"""What the commands of `salon` are made of."""

import argparse
from functools import partial
from pathlib import Path
from typing import TypeAlias

from appliance.sections import Settings
from appliance.settings import load


def settings_of(options: argparse.Namespace, *, look: bool = False) -> Settings:
    """Read the settings that the command line names."""
    return load(options.config, look=look)


def add_config(parser: argparse.ArgumentParser, default: str | None = argparse.SUPPRESS) -> None:
    """Let a command take its settings too; without a default of its own it keeps those named before it."""
    words = "settings (default: /etc/salon/room.toml)"
    parser.add_argument("--config", type=Path, metavar="FILE", default=default, help=words)


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
