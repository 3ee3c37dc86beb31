"""What all parts of the API share."""

from typing import Any

from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class Wrong:
    """What went wrong, in plain words."""

    error: str


ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": Wrong, "description": "No request at all: it holds NUL, or its form cannot be read"},
    401: {"model": Wrong, "description": "Not signed in"},
    403: {"model": Wrong, "description": "Not allowed"},
    404: {"model": Wrong, "description": "Not there, or not for you"},
    409: {"model": Wrong, "description": "Not possible as it is"},
    413: {"model": Wrong, "description": "Too large"},
    422: {"model": Wrong, "description": "Not understood"},
    429: {
        "model": Wrong,
        "description": "Too many requests from one session or token, or wrong tries from one address",
        "headers": {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}},
    },
}
