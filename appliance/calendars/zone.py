"""The room's time zone: the one its settings name, else the machine's."""

from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from appliance.calendars.errors import CalendarError

_DATABASE = "/zoneinfo/"


def room_zone(name: str, *, localtime: Path = Path("/etc/localtime")) -> ZoneInfo:
    """Return the zone of this name; an empty name takes the machine's own (localtime(5)), else UTC."""
    if not name:
        # the link's target names the zone; the file itself does not
        name = str(localtime.resolve()).partition(_DATABASE)[2] or "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise CalendarError(f"{name!r} is no time zone; use a name such as Europe/Berlin") from err
