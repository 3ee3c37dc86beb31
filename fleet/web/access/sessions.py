"""How long a session holds, and that a request is really its user's own: pure rules."""

from urllib.parse import urlsplit

from fleet.store.people import Session
from fleet.web.access.secrets import same

USED_EVERY_MS = 60_000
"""How often it is worth writing down that a session is in use."""
_HOUR_MS = 3_600_000
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def expires_at(now: int, days: int) -> int:
    """Return when a session that begins now is over at the latest."""
    return now + days * 24 * _HOUR_MS


def holds(session: Session, now: int, idle_hours: float) -> bool:
    """Tell whether a session still holds."""
    return now < session.expires_at and now - session.used_at < idle_hours * _HOUR_MS


def from_elsewhere(host: str, origin: str | None, fetch_site: str | None) -> bool:
    """Tell whether another site's page made the browser send this. Programs that are no browsers say neither."""
    if fetch_site is not None and fetch_site not in {"same-origin", "none"}:
        return True
    return origin is not None and urlsplit(origin).netloc.lower() != host.lower()


def is_meant(session: Session, given: str | None) -> bool:
    """Tell whether a change carries the token that only our own pages know."""
    return bool(given) and same(given or "", session.csrf)
