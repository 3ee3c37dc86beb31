"""Runs programs in the guest for the host, over one virtio serial port: a JSON object a line in both directions.

down: `{"run": ID, "program": [...], "limit_s": S}`, `{"tell": ID, "line": "..."}` (a line for its standard input)
up:   `{"ready": {...}}` once, `{"id": ID, "line": "..."}`, `{"id": ID, "ended": CODE}`
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

PORT = Path("/dev/virtio-ports/salon.agent")


class Line:
    """The way to the host; threads may say something at the same time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._lock = descriptor, threading.Lock()

    def say(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]

    def lines(self) -> Any:
        rest = b""
        while True:
            got = os.read(self._descriptor, 65536)
            if not got:  # nobody is there on the host yet
                time.sleep(0.05)
            *lines, rest = (rest + got).split(b"\n")
            yield from lines


def main() -> None:
    while not PORT.exists():
        time.sleep(0.05)
    line = Line(os.open(PORT, os.O_RDWR))
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    line.say({"ready": {"python": platform.python_version(), "kernel": platform.release(), "uptime_s": uptime}})
    running: dict[int, subprocess.Popen[str]] = {}
    for message in map(json.loads, line.lines()):
        match message:
            case {"run": number, "program": program, "limit_s": limit_s}:
                running[number] = _start(line, number, program, limit_s)
            case {"tell": number, "line": text}:
                _tell(running[number], text)


def _start(line: Line, number: int, program: list[str], limit_s: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        program,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    threading.Thread(target=_relay, args=(line, number, process), name=f"relay {number}").start()
    threading.Thread(target=_limit, args=(process, limit_s), name=f"limit {number}").start()
    return process


def _relay(line: Line, number: int, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for text in process.stdout:
        line.say({"id": number, "line": text.rstrip("\n")})
    line.say({"id": number, "ended": process.wait()})


def _limit(process: subprocess.Popen[str], limit_s: float) -> None:
    """End the whole session of a program: what it started must not disturb the next one."""
    try:
        process.wait(limit_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # Python's faulthandler then says where each thread was
        time.sleep(2.0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _tell(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it has ended, which is told anyway
        process.stdin.write(text + "\n")
        process.stdin.flush()


if __name__ == "__main__":
    main()
