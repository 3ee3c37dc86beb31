"""What the host does for checks that ask: it holds a meeting, and says what somebody in it sees of the room."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

from machine import Answer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
START_S = 60.0


class Outside:
    """Answers `meeting` and `sees`; a meeting lasts until the block ends."""

    def __init__(self, address: str) -> None:
        """`address` is this host's, as the guest reaches it."""
        self._address = address
        self._process: subprocess.Popen[str] | None = None
        self._said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._reader is not None:
            self._process.kill()
            self._reader.join()
            with self._process:
                pass  # that closes its pipes

    @property
    def answers(self) -> dict[str, Answer]:
        return {"meeting": self.meeting, "sees": self.sees}

    def meeting(self) -> dict[str, Any]:
        """Begin a meeting; returns its link and the certificate of its server."""
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "meeting.py"), self._address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        self._reader = threading.Thread(target=self._read, args=[self._process], name="meeting")
        self._reader.start()
        return self._wait_for(lambda said: "link" in said, START_S, "the meeting to begin")

    def sees(self, shows: str, within_s: float) -> dict[str, Any]:
        """Wait until the participant is shown that, in new pictures; returns what he sees and after how long."""
        started, frames = time.monotonic(), -1

        def it_is(said: dict[str, Any]) -> bool:
            nonlocal frames
            frames = said["frames"] if frames < 0 else frames
            return said["shows"] == shows and said["frames"] > frames

        seen = self._wait_for(it_is, within_s, f"the participant to see {shows}")
        return seen | {"after_s": time.monotonic() - started}

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._said.put(json.loads(line))

    def _wait_for(self, what: Any, limit_s: float, words: str) -> dict[str, Any]:
        until, last = time.monotonic() + limit_s, None
        while (left := until - time.monotonic()) > 0:
            try:
                last = self._said.get(timeout=left)
            except queue.Empty:
                break
            if what(last):
                return last
        raise AssertionError(f"waited {limit_s:.0f} s for {words}; the last word was {last}")
