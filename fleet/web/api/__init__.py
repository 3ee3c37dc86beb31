"""What programs see: the same as the pages, as JSON."""

from fastapi import APIRouter


def routers() -> list[APIRouter]:
    """Return the routes of the API."""
    from fleet.web.api import enrolling, people, rooms, rules, work  # noqa: PLC0415 - as with the pages

    return [rooms.router, rules.router, work.router, people.router, enrolling.router]
