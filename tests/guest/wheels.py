"""The room's Python packages for the guest's Python, fetched out here: in the guest there is no network for it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXTRAS = ("room", "hub", "console")
PYTHON = "313"
PI = ("picamera2==0.3.38", "simplejpeg==1.9.0", "videodev2==0.0.4", "piexif==1.1.3")
"""What Raspberry Pi OS brings and Debian does not, without what of it would have to be compiled."""
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")


def wanted() -> list[str]:
    """Return what room, hub and console require, with `salon[...]` among the extras resolved."""
    project = _project()
    return sorted({*project["dependencies"], *_of_extras(project["optional-dependencies"], EXTRAS)})


def _of_extras(extras: dict[str, list[str]], names: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    for requirement in (entry for name in names for entry in extras[name]):
        own = re.fullmatch(r"salon\[(.+)\]", requirement)
        found |= _of_extras(extras, tuple(own[1].split(","))) if own else {requirement}
    return found


def install(site: Path, pi: Path) -> None:
    """Unpack them into two folders: for every program, and for those that want picamera2."""
    _install(site, *wanted(), "-c", str(ROOT / "constraints.txt"))
    _name_salon(site)
    _install(pi, *PI, "--no-deps")


def _install(folder: Path, *what: str) -> None:
    """Unpack wheels, and nothing but wheels: this Python is not the one they are for."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile"]
    pip += ["--target", str(folder), "--only-binary=:all:"]
    pip += ["--implementation", "cp", "--python-version", PYTHON, *(f"--platform={name}" for name in PLATFORMS)]
    subprocess.run(["nice", *pip, *what], check=True, stdin=subprocess.DEVNULL)


def _name_salon(folder: Path) -> None:
    """Let the guest's Python know salon's version; the code itself comes with the checkout."""
    version = _project()["version"]
    about = folder / f"salon-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: salon\nVersion: {version}\n")


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
