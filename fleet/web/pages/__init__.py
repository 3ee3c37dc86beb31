"""What people see, page by page."""

from fastapi import APIRouter


def routers() -> list[APIRouter]:
    """Return the routes of all pages."""
    from fleet.web.pages import (  # noqa: PLC0415 - the pages need the frame, which lives in this package
        account,
        alerts,
        audit,
        enrol,
        jobs,
        metrics,
        people,
        room,
        rooms,
        rules,
        settings,
        sign_in,
        use,
    )

    pages = (sign_in, rooms, room, rules, alerts, jobs, settings, use, enrol, people, audit, account, metrics)
    return [page.router for page in pages]
