"""A PostgreSQL of the tests' own: Debian's, in a folder that goes away, reached by a socket in it."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

USER = "postgres"
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=60")
"""Nothing of it has to outlive the tests."""
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=32MB", "max_connections=60")
"""As PostgreSQL is by itself: what it has committed is on the disk."""


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


class PostgresServer:
    """A server in a folder, which can be stopped, killed and started again."""

    def __init__(self, folder: Path, settings: tuple[str, ...]) -> None:
        self.url = f"postgresql:///postgres?host={folder}&user={USER}"
        self._folder, self._bins, self._settings = folder, programs(), settings
        data = str(folder / "data")
        init = (str(self._bins / "initdb"), "-D", data, "-A", "trust", "-U", USER, "--no-sync", "-E", "UTF8")
        subprocess.run(_as_user(*init), check=True, stdout=subprocess.DEVNULL, cwd=folder)

    def start(self) -> None:
        """Return once it takes connections."""
        options = [word for setting in self._settings for word in ("-c", setting)]
        listen = ["-c", "listen_addresses=", "-k", str(self._folder)]
        command = _as_user(str(self._bins / "postgres"), "-D", str(self._folder / "data"), *listen, *options)
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        ready = [str(self._bins / "pg_isready"), "-h", str(self._folder), "-t", "20", "-q"]
        while subprocess.run(ready, check=False).returncode != 0:
            assert self._server.poll() is None, (self._folder / "log").read_text()

    def stop(self) -> None:
        """End it as Debian does; it drops whoever is connected."""
        self._server.send_signal(signal.SIGINT)
        self._server.wait(20)

    def kill(self) -> None:
        """Kill it with all its processes, the first one first: it must not tidy up after the others."""
        processes = [psutil.Process(self._server.pid)]
        processes += processes[0].children(recursive=True)
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._server.wait(20)
        # they hold its shared memory until they are gone
        psutil.wait_procs(processes[1:], timeout=20)


@contextmanager
def postgres_server(settings: tuple[str, ...] = QUICK) -> Iterator[PostgresServer]:
    """Run a server; its address is that of a database for making others."""
    folder = Path(tempfile.mkdtemp(prefix="salon-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER, USER)
        server = PostgresServer(folder, settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
