"""What may be put into a request: texts of bounded length without NUL, which PostgreSQL cannot keep, and keys."""

from typing import Annotated, Any

from fastapi import Form, Path, Query
from pydantic import StringConstraints

LARGEST = 2**53 - 1
"""What every reader of JSON counts to exactly (RFC 8259 section 6)."""
_NO_NUL = r"^[^\x00]*$"
Text = Annotated[str, StringConstraints(max_length=200, pattern=_NO_NUL)]
LongText = Annotated[str, StringConstraints(max_length=20_000, pattern=_NO_NUL)]
Key = Annotated[int, Path(ge=0, lt=2**31)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[int, Query(ge=0, le=LARGEST, description="milliseconds since 1970")]


def field(longest: int) -> Any:
    """Return what a form's text field obeys."""
    return Form(max_length=longest, pattern=_NO_NUL)
