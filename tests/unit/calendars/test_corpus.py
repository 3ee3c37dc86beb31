"""Calendars of real-world shape and hostile ones, each with the agenda a person would expect beside it."""

import json
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance.calendars.agenda import Bookings, JoinPolicy, bookings_at
from appliance.calendars.booking import ReadRequest
from appliance.calendars.chunks import check_whole
from appliance.calendars.expand import read_calendar
from appliance.state.wire import to_json

CORPUS = Path(__file__).parent / "corpus"
DEFAULTS = {"organizer": "", "provider": "", "host": "", "auto_join": "no", "why": "", "all_day": False}


@pytest.mark.parametrize("name", sorted(path.stem for path in CORPUS.glob("*.ics")))
def test_a_calendar_gives_the_agenda_beside_it(name: str):
    expected = json.loads((CORPUS / f"{name}.json").read_text())
    data = (CORPUS / f"{name}.ics").read_bytes()
    check_whole(data)

    bookings = _bookings(data, expected)

    assert to_json(bookings.agenda)["meetings"] == [DEFAULTS | meeting for meeting in expected["meetings"]]
    assert {key: link.url for key, link in bookings.links.items()} == expected["links"]
    assert bookings.agenda.warning == expected.get("warning", "")


def _bookings(data: bytes, expected: dict[str, Any]) -> Bookings:
    zone = ZoneInfo(expected["zone"])
    now = datetime.fromisoformat(expected["now"])
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    request = ReadRequest(
        zone=expected["zone"],
        first=midnight - timedelta(days=1),
        last=midnight + timedelta(days=4),
        addresses=tuple(expected.get("addresses", ())),
        livekit_hosts=tuple(expected.get("livekit_hosts", ())),
    )
    policy = JoinPolicy(auto_hosts=tuple(expected.get("auto_hosts", ())))
    return bookings_at(now, read_calendar(data, request), zone=zone, policy=policy)
