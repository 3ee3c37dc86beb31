"""What all parts of the API share."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import StringConstraints
from pydantic.dataclasses import dataclass

Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
"""PostgreSQL keeps no NUL."""
Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[int, Query(ge=0, le=2**62, description="milliseconds since 1970")]


@dataclass(frozen=True)
class Wrong:
    """What went wrong, in plain words."""

    error: str


ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": Wrong, "description": "Not signed in"},
    403: {"model": Wrong, "description": "Not allowed"},
    404: {"model": Wrong, "description": "Not there, or not for you"},
    409: {"model": Wrong, "description": "Not possible as it is"},
    413: {"model": Wrong, "description": "Too large"},
    422: {"model": Wrong, "description": "Not understood"},
}
