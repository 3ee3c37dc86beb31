"""Settings as a frozen tree: reads a TOML file over its defaults into dataclasses, and says all that is wrong with it.

The room's settings and the console's are each such a tree: their sections say what a key means and what it takes, a
TOML file beside them what it is by default.
"""

import dataclasses
import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, get_args, get_origin, get_type_hints

from appliance.errors import SalonError
from appliance.redact import without_secrets
from appliance.values import file_name

T = TypeVar("T")
_LONGEST, _LONGEST_VALUE = 400, 80
"""Letters of a mistake, and of the value in it."""


@dataclass(frozen=True, slots=True)
class Between:
    """The smallest and the largest number a key takes."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Fits:
    """What a text must be: the check raises `ValueError`."""

    check: Callable[[str], object]
    example: str = ""
    """One that fits, for a list's message."""
    empty: bool = False
    """Whether it may be empty."""


@dataclass(frozen=True, slots=True)
class File:
    """A text that names a file, which is looked at only where the program runs; empty for none."""

    check: Callable[[str], object]


class BadSettings(SalonError, ValueError):
    """One or more keys are unknown or wrong; the message lists all of them."""

    def __init__(self, message: str, mistakes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Tree(Generic[T]):
    """What a program's settings are: its sections, their defaults as TOML, and what does not fit together."""

    sections: type[T]
    defaults: Callable[[], str]
    misfits: Callable[[Mapping[str, Any]], Iterable[str]] = lambda _given: ()

    def read(self, path: Path, *, look: bool = False) -> T:
        """Read a file over the defaults, or raise `BadSettings`. With `look` the files it names are looked at too."""
        return self.built(self.given(path, look=look))

    def parse(self, text: str, *, where: str, look: bool = False) -> T:
        """Read a text over the defaults, or raise `BadSettings`."""
        return self.built(self.checked(text, where=where, look=look))

    def given(self, path: Path, *, look: bool = False) -> dict[str, Any]:
        """Return what a file holds, found right, or raise `BadSettings`."""
        try:
            # some editors begin a file with a byte order mark
            return self.checked(path.read_text(encoding="utf-8-sig"), where=str(path), look=look)
        except OSError as err:
            remedy = "Say sudo before the command, or name" if isinstance(err, PermissionError) else "Name"
            raise BadSettings(f"{path} cannot be read: {err.strerror}. {remedy} another file with --config.") from err
        except UnicodeDecodeError as err:
            raise BadSettings(f"{path} is not a UTF-8 text file.") from err

    def checked(self, text: str, *, where: str, look: bool = False) -> dict[str, Any]:
        """Return what a text holds, found right, or raise `BadSettings`."""
        given = _toml(text, where)
        mistakes = (*self.mistakes(given, look=look), *self.clashes(given))
        if mistakes:
            listed = "\n".join(f"  - {mistake}" for mistake in mistakes)
            raise BadSettings(f"{where} has {len(mistakes)} mistake{'s'[: len(mistakes) > 1]}:\n{listed}", mistakes)
        return given

    def mistakes(self, given: Mapping[str, Any], *, look: bool = False) -> tuple[str, ...]:
        """Return what is wrong by itself, a line each, beginning with the key."""
        return tuple(map(_line, _Walk(look=look).mistakes(self.sections, given, "")))

    def clashes(self, given: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what does not fit together, a line each."""
        return tuple(map(_line, self.misfits(given)))

    def whole(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all keys, the defaults where nothing is given."""
        return _over(tomllib.loads(self.defaults()), given)

    def built(self, given: Mapping[str, Any]) -> T:
        """Return the settings of what was found right."""
        return cast("T", _build(self.sections, self.whole(given)))


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError as err:
        raise BadSettings(f"{where} is not TOML that can be read: its brackets are nested too deeply") from err
    except tomllib.TOMLDecodeError as err:
        raise BadSettings(f'{where} is not TOML: {err}. A line is like name = "Blue room", below a [section].') from err
    except ValueError as err:
        raise BadSettings(f"{where} cannot be read: it holds a number of thousands of digits") from err


def _over(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults with what is given in their place, section by section."""
    return {
        name: _over(value, given.get(name, {})) if isinstance(value, dict) else given.get(name, value)
        for name, value in defaults.items()
    }


def _line(mistake: str) -> str:
    """Make a mistake fit for a terminal, whatever the file holds."""
    plain = "".join(char if char.isprintable() else repr(char)[1:-1] for char in mistake)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"


@dataclass(frozen=True, slots=True)
class _Walk:
    """Goes through what a file holds and says what is wrong with it."""

    look: bool

    def mistakes(self, kind: Any, given: Mapping[str, Any], prefix: str) -> Iterator[str]:
        known = get_type_hints(kind, include_extras=True)
        for key, value in given.items():
            name = f"{prefix}{key}"
            if key not in known:
                near = difflib.get_close_matches(key, known, 1, 0.5)
                hint = f"did you mean {prefix}{near[0]}?" if near else f"known here: {', '.join(known)}"
                yield f"{name} is not a setting; {hint}"
            elif dataclasses.is_dataclass(known[key]):
                if isinstance(value, dict):
                    yield from self.mistakes(known[key], value, f"{name}.")
                else:
                    yield f"{name} must be a section, [{name}]"
            else:
                yield from self._wrong(known[key], value, name)

    def _wrong(self, kind: Any, value: Any, name: str) -> Iterator[str]:
        rules = getattr(kind, "__metadata__", ())
        bare = get_args(kind)[0] if rules else kind
        if get_origin(bare) is tuple:
            yield from self._wrong_list(get_args(bare)[0], value, name)
        elif bare is float and type(value) not in {int, float}:
            yield f"{name} must be a number, not {_shown(value)}"
        elif bare is not float and type(value) is not bare:
            words = {str: "text in quotes", int: "a whole number", bool: "true or false"}
            yield f"{name} must be {words[bare]}, not {_shown(value)}"
        else:
            for rule in rules:
                yield from self._against(rule, value, name)

    def _against(self, rule: Between | Fits | File, value: Any, name: str) -> Iterator[str]:
        match rule:
            case Between(least, most):
                if not least <= value <= most:
                    yield f"{name} must be from {least:g} to {most:g}, not {_shown(value)}"
            case Fits(check, empty=empty):
                if value or not empty:
                    yield from _refusal(check, value, name)
            case File(check):
                wrong = [*_refusal(file_name, value, name)] if value else []
                yield from wrong
                if value and self.look and not wrong:
                    yield from _refusal(check, value, name)

    def _wrong_list(self, item: Any, value: Any, name: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{name} must be {_list_words(item, name)}"
            return
        for number, entry in enumerate(value, 1):
            where = f"{name}[{number}]"
            if not dataclasses.is_dataclass(item):
                yield from self._wrong(item, entry, where)
            elif isinstance(entry, dict):
                yield from self.mistakes(item, entry, f"{where}.")
                fields = (field.name for field in dataclasses.fields(item))
                yield from (f"{where} lacks {field}" for field in fields if field not in entry)
            else:
                yield f"{where} must be a section, [[{name}]]"


def _refusal(check: Callable[[str], object], value: str, name: str) -> Iterator[str]:
    try:
        check(value)
    except ValueError as err:
        yield f"{name}: {without_secrets(str(err))}"


def _list_words(item: Any, name: str) -> str:
    if dataclasses.is_dataclass(item):
        return f"a list of sections, each under [[{name}]]"
    example = next(rule.example for rule in item.__metadata__ if isinstance(rule, Fits))
    return f'a list, such as ["{example}"]'


def _shown(value: Any) -> str:
    """Quote a value in a mistake's message, which everybody may read, without what an address may hold."""
    as_written = isinstance(value, bool | date | time)
    text = str(value).lower() if as_written else without_secrets(repr(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _build(kind: Any, data: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: _build(hints[name], data[name]) for name in hints})  # type: ignore[operator]  # a class
    if get_origin(kind) is tuple:
        return tuple(_build(get_args(kind)[0], entry) for entry in data)
    return float(data) if kind is float else data
