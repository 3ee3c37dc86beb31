"""Puts a made-up name in the place of somebody's, wherever it stands in a text. Pure."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_ESCAPES = re.compile(r'(?:\\u[0-9a-fA-F]{4}|\\["\\/bfnrt])+')
_SHORTEST_REST = 3
"""Letters of a name at the end of a text that was cut there."""


@dataclass(frozen=True)
class Pseudonym:
    """The names somebody goes by, in any case, and what is to stand for them."""

    names: tuple[str, ...]
    other: str

    @cached_property
    def _words(self) -> re.Pattern[str]:
        return _any_of(self.names)

    def stands_in(self, text: str) -> bool:
        """Tell whether one of the names is there, as a word of its own."""
        return self.in_text(text) != text or self.in_json(text) != text

    def in_text(self, text: str) -> str:
        return self._words.sub(self._put, text)

    def in_json(self, text: str) -> str:
        """Return JSON with the name out of all its texts; JSON that was cut is a text, and stays one."""
        try:
            before = json.loads(text)
        except (ValueError, RecursionError):
            plain = _ESCAPES.sub(_read, text)
            after = self._without_rest(self.in_text(plain))
            return text if after == plain else after
        whole = _within(before, self.in_text)
        return text if whole == before else json.dumps(whole, ensure_ascii=True, sort_keys=True)

    def _put(self, _: re.Match[str]) -> str:
        return self.other

    def _without_rest(self, text: str) -> str:
        """Return a text that was cut without the beginning of the name at its end."""
        for name in self.names:
            whole = name.lower()
            for size in range(len(whole) - 1, _SHORTEST_REST - 1, -1):
                if text.lower().endswith(whole[:size]) and not re.search(r"\w$", text[:-size]):
                    return text[:-size] + self.other
        return text


def _read(escapes: re.Match[str]) -> str:
    letters: str = json.loads(f'"{escapes[0]}"')
    # of a pair of surrogates one may have been cut off, which no database takes
    return letters.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _any_of(names: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds one of the names, and no longer word that it is a part of."""
    longest_first = sorted(names, key=len, reverse=True)
    each = "|".join(re.escape(name) for name in longest_first)
    return re.compile(rf"(?<![\w.@-])(?:{each})(?![\w@]|[.-]\w)", re.IGNORECASE)


def _within(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case list():
            return [_within(one, change) for one in value]
        case dict():
            return {change(key): _within(one, change) for key, one in value.items()}
    return value
