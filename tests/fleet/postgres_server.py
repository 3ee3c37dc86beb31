"""A PostgreSQL of the tests' own: Debian's, in a folder that goes away, reached by a socket in it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "postgres"
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=60")
"""Nothing of it has to outlive the tests."""


def programs() -> Path:
    """Return where Debian keeps the newest server's programs: not on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert found, "Debian's postgresql is not installed: make debian"
    return found[-1]


def _as_user(*command: str) -> list[str]:
    # it refuses to run as root
    return (
        ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *command]
        if os.geteuid() == 0
        else [*command]
    )


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server; yields the address of its database for making others."""
    folder = Path(tempfile.mkdtemp(prefix="salon-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER, USER)
        data, bins = folder / "data", programs()
        init = (str(bins / "initdb"), "-D", str(data), "-A", "trust", "-U", USER, "--no-sync", "-E", "UTF8")
        subprocess.run(_as_user(*init), check=True, stdout=subprocess.DEVNULL, cwd=folder)
        options = [word for setting in QUICK for word in ("-c", setting)]
        listen = ["-c", "listen_addresses=", "-k", str(folder)]
        command = _as_user(str(bins / "postgres"), "-D", str(data), *listen, *options)
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as server,
        ):
            try:
                _wait(bins, folder, server)
                yield f"postgresql:///postgres?host={folder}&user={USER}"
            finally:
                # SIGINT: it drops whoever is connected
                server.send_signal(2)
                server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(bins: Path, folder: Path, server: subprocess.Popen) -> None:
    ready = [str(bins / "pg_isready"), "-h", str(folder), "-t", "20", "-q"]
    while subprocess.run(ready, check=False).returncode != 0:
        assert server.poll() is None, (folder / "log").read_text()
