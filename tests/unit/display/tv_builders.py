"""Rooms, layouts and pictures to arrange tests of the TV with."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from appliance.link.frames import RingFrame
from appliance.state.layout import Layout, PersonId, Source, gallery
from appliance.state.room import Boot, Call, MeetingKey, Participant, Phase, RoomState, Senses

NOW = datetime(2026, 11, 22, 14, 41, 20, tzinfo=UTC)


def room(**changes):
    return replace(RoomState("r1", "Harbour", Boot("b1"), senses=Senses(True, False, False)), **changes)


def in_call(names, phase=Phase.LIVE, rev=3, **call):
    """A room in a call with these people, each in a tile of the gallery."""
    ids = [PersonId(f"p{i}") for i in range(len(names))]
    people = tuple(Participant(person, name, camera_on=True) for person, name in zip(ids, names, strict=True))
    tiles = gallery([(person, Source.CAMERA) for person in ids])
    title = call.pop("title", "Weekly review")
    return room(call=Call(phase, MeetingKey("k1"), title, NOW, people, **call), layout=Layout(rev, 1920, 1080, tiles))


def plain(w, h, colour=(120, 90, 160), *, number=1, age_ns=0, now_ns=None, full_range=False, matrix=6):
    """A picture of one colour."""
    y, u, v = (
        np.full(s, c, np.uint8) for s, c in zip(((h, w), (h // 2, w // 2), (h // 2, w // 2)), colour, strict=True)
    )
    stamp = (time.monotonic_ns() if now_ns is None else now_ns) - age_ns
    return RingFrame(number, stamp, w, h, full_range, matrix, y, u, v)


class HandRing:
    """A ring whose pictures the test puts in by hand."""

    def __init__(self, layout):
        self.layout = layout
        self.frames = {}

    def put(self, person, frame, source=Source.CAMERA):
        self.frames[person, source] = frame

    def numbers(self):
        frames = [self.frames.get((tile.person, tile.source)) for tile in self.layout.tiles]
        return np.array([frame.number if frame else 0 for frame in frames], np.uint64)

    def newest(self, person, source):
        return self.frames.get((person, source))


class HandSource:
    """Media's side of the ring; None when it is away."""

    def __init__(self, ring=None):
        self.ring = ring
