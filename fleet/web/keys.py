"""The settings that a console may set, as the fields of a form; what each means is read off the room's own settings."""

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, get_type_hints

from appliance import overlay, sections
from fleet.control.merge import flat
from fleet.control.settable import mistakes_in
from fleet.web.access.accounts import NotPossible

SET, EMPTY, LOCK = "set.", "empty.", "lock."
_CHOICES = {"": "not set here", "true": "yes", "false": "no"}


@dataclass(frozen=True, slots=True)
class Field:
    """One key, such as tv.idle_off_min."""

    key: str
    kind: type
    means: str

    @property
    def choices(self) -> Mapping[str, str]:
        """What can be chosen; nothing where it is written."""
        return _CHOICES if self.kind is bool else {}

    @property
    def empty(self) -> Any:
        """The empty text, or no texts; None where that is no value."""
        if self.kind not in {str, tuple}:
            return None
        section, _, name = self.key.partition(".")
        nothing = self.read("")
        return None if mistakes_in({section: {name: nothing}}) else nothing

    def is_empty_in(self, doc: Mapping[str, Any]) -> bool:
        """Tell whether a document sets it, to nothing."""
        return flat(doc).get(self.key) in ("", [], ())

    @property
    def kind_words(self) -> str:
        """What a value of it is."""
        return {str: "text", tuple: "texts", bool: "yes or no"}.get(self.kind, "number")

    def shown(self, doc: Mapping[str, Any]) -> str:
        """Return what a document has of it, as it is written in the form; empty where it has nothing."""
        value = flat(doc).get(self.key)
        match value:
            case None:
                return ""
            case list() | tuple():
                return ", ".join(map(str, value))
            case str():
                return value
        return json.dumps(value)

    def read(self, text: str) -> Any:
        """Return the value of what somebody wrote."""
        if self.kind is str:
            return text
        if self.kind is tuple:
            return [part for part in text.replace(",", " ").split() if part]
        try:
            return json.loads(text)
        except ValueError as err:
            raise NotPossible(f"{self.key}: {text[:40]!r} is no number.") from err


@lru_cache(maxsize=1)
def fields() -> tuple[Field, ...]:
    """Return all that can be set, by section."""
    classes = get_type_hints(sections.Settings)
    return tuple(one for section, keys in overlay.SETTABLE.items() for one in _of(section, classes[section], keys))


def _of(section: str, settings: type, keys: Mapping[str, object]) -> Iterator[Field]:
    types, meanings = get_type_hints(settings), _meanings(settings)
    for key in keys:
        kind = getattr(types[key], "__origin__", types[key])
        yield Field(f"{section}.{key}", kind, meanings.get(key, ""))


def _meanings(settings: type) -> dict[str, str]:
    """Return the texts that stand below the keys in the source."""
    (body,) = ast.parse(inspect.getsource(settings)).body
    found = {}
    for one, below in pairwise(body.body if isinstance(body, ast.ClassDef) else ()):
        match one, below:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                found[name] = " ".join(text.split())
    return found


def read(form: Mapping[str, object]) -> tuple[dict[str, dict[str, Any]], tuple[str, ...]]:
    """Return the document and the locked keys of a form; what is left empty is not set, unless it says so."""
    doc: dict[str, dict[str, Any]] = {}
    for one in fields():
        text, empty = str(form.get(SET + one.key, "")).strip(), bool(form.get(EMPTY + one.key))
        if text and empty:
            raise NotPossible(f"{one.key}: it has a value and is to be empty, too. Clear the one or the other.")
        if text or empty:
            section, _, key = one.key.partition(".")
            doc.setdefault(section, {})[key] = one.read(text)
    return doc, tuple(one.key for one in fields() if form.get(LOCK + one.key))
