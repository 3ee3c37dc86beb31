"""What each TV obeyed before, on disk: the next time that is tried first."""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hardware.tv.power import Method, Power

logger = logging.getLogger(__name__)
_REMEMBERED = 50
"""TVs; a room has one or two, but may be moved."""
_LARGEST_FILE = 65_536


class Learned:
    """A small file, mode 0600. Losing it costs a few seconds at the next evening, so no error of it matters."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._worked: dict[str, dict[Power, Method]] | None = None

    def method(self, tv: str, want: Power) -> Method | None:
        """Return what made this TV obey the last time."""
        return self._known().get(tv, {}).get(want)

    def order(self, tv: str, want: Power, methods: Iterable[Method]) -> tuple[Method, ...]:
        """Return the methods with the one that worked in front."""
        known = self.method(tv, want)
        return tuple(sorted(methods, key=lambda method: method is not known))

    def note(self, tv: str, want: Power, method: Method) -> None:
        """Remember what worked; blocks for a write when that is news."""
        if not tv or self.method(tv, want) is method:
            return
        worked = dict(self._known())
        worked[tv] = {**worked.pop(tv, {}), want: method}
        kept = self._worked = dict(list(worked.items())[-_REMEMBERED:])
        logger.info("this TV goes %s by %s", want, method)
        try:
            _write(self._path, {name: {w.value: m.value for w, m in ways.items()} for name, ways in kept.items()})
        except OSError as err:
            logger.warning("what the TV obeys cannot be kept in %s: %s", self._path, err.strerror)

    def _known(self) -> dict[str, dict[Power, Method]]:
        if self._worked is None:
            self._worked = _read(self._path)
        return self._worked


def _read(path: Path) -> dict[str, dict[Power, Method]]:
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_LARGEST_FILE + 1))
        return {str(tv): {Power(w): Method(m) for w, m in ways.items()} for tv, ways in data.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as err:
        logger.warning("what TVs obeyed before cannot be read (%s); it is learned anew", type(err).__name__)
        return {}


def _write(path: Path, data: Mapping[str, Any]) -> None:
    """Write so that a power cut leaves the old or the new one: new file, fsync, rename, fsync of the folder."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_suffix(".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(data, file)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
