"""Times and names in the words the TV uses."""

from datetime import datetime, timedelta

from appliance.state.room import Meeting


def clock(moment: datetime) -> str:
    """Return "09:05"."""
    return f"{moment:%H:%M}"


def date(moment: datetime) -> str:
    """Return "Sunday, 22 November"."""
    return f"{moment:%A}, {moment.day} {moment:%B}"


def span(meeting: Meeting, now: datetime) -> str:
    """Return "09:00 – 09:30" in the room's time zone."""
    if meeting.all_day:
        return "All day"
    start, end = meeting.start.astimezone(now.tzinfo), meeting.end.astimezone(now.tzinfo)
    return f"{clock(start)} – {clock(end)}"


def day(meeting: Meeting, now: datetime) -> str:
    """Return "Today", "Tomorrow" or the weekday of a meeting's start."""
    days = (meeting.start.astimezone(now.tzinfo).date() - now.date()).days
    return "Today" if days <= 0 else "Tomorrow" if days == 1 else f"{meeting.start.astimezone(now.tzinfo):%A}"


def remaining(until: datetime, now: datetime) -> str:
    """Return "0:42": the time left, rounded up so that it ends at 0:01."""
    seconds = max(0, -((now - until) // timedelta(seconds=1)))
    return f"{seconds // 60}:{seconds % 60:02}"


def initials(name: str) -> str:
    """Return the first letters of the first and last word; of scripts without capitals, the first one alone."""
    words = [word for word in name.split() if word[0].isalnum()]
    if len(words) > 1 and all(word[0].upper() != word[0].lower() for word in (words[0], words[-1])):
        return (words[0][0] + words[-1][0]).upper()
    return words[0][0].upper() if words else ""
