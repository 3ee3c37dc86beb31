"""A room that puts script into every word it says, by way of the real broker and ingest onto the pages in Chromium."""

import asyncio
import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import StrEnum

import pytest
from browser import chromium
from mqtt_parts import say
from playwright.async_api import expect
from room_voice import Voice
from test_fleet_in_browser import come_in
from whole_fleet import whole_fleet

from appliance.telemetry.protocol.codec import encode
from appliance.telemetry.protocol.payloads import Event, Health, Info, Reported, State
from appliance.telemetry.protocol.records import CONTENTS, Chunk
from fleet.web.app import now_ms

pytestmark = pytest.mark.timeout(180)
ATTACKS = (
    "<script>window.pwned=1;alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "javascript:alert(1)//{{7*7}}${7*7}",
    "</title><svg/onload=alert(1)>",
)


def full_of(kind, text: str):
    """Return a value of a type in which every word is this text; no optional part is missing."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    match kind:
        case _ if kind is str or kind is typing.Any:
            return text
        case _ if origin in {types.UnionType, typing.Union}:
            return full_of(inner[0], text)
        case _ if origin is tuple:
            return (full_of(inner[0], text),)
        case _ if origin in {dict, Mapping}:
            return {text: full_of(inner[1], text)}
        case _ if dataclasses.is_dataclass(kind):
            hints = typing.get_type_hints(kind)
            return kind(**{field.name: full_of(hints[field.name], text) for field in dataclasses.fields(kind)})
        case _ if issubclass(kind, StrEnum):
            return next(iter(kind))
    return kind(True)


async def speaks(broker, number: int, text: str) -> None:
    """Say everything a room can say, as a room of its own."""
    voice = Voice(room=f"room-{number}", boot=f"boot-{number}", at=now_ms())
    topics = voice.topics
    for topic, kind in (
        (topics.state, State),
        (topics.info, Info),
        (topics.health, Health),
        (topics.reported, Reported),
        (topics.event, Event),
    ):
        await say(broker, topic, encode(voice.stamp(), full_of(kind, text)).decode())
    contents = [full_of(kind, text) for kind in CONTENTS.values() if kind is not Chunk]
    await say(broker, topics.batch, voice.batch(1, *contents).payload.decode())


async def dropped_is_told(page, url: str) -> None:
    """Wait until the ingest has told what it counted, which it does every few seconds."""
    async with asyncio.timeout(30):
        while not await page.locator("#dropped").count():
            await page.goto(url)
    await expect(page.locator("#dropped")).to_contain_text("of rooms: 1 not JSON within the limits. ")


async def test_script_in_every_word_of_a_room_is_shown_as_text_and_never_run(tmp_path):
    alarms = []
    async with whole_fleet(tmp_path) as fleet, chromium() as browser:
        page = await come_in(browser, await fleet.console("admin-link"), "ada")
        page.on("dialog", lambda dialog: alarms.append(dialog.message))
        page.on("pageerror", lambda error: alarms.append(str(error)))
        # what the pages' policy refuses is told there, too
        page.on("console", lambda message: message.type == "error" and alarms.append(message.text))
        for number, text in enumerate(ATTACKS):
            await speaks(fleet.broker, number, text)
        await say(fleet.broker, "rooms/v1/home/room-0/up/health", "<script>")
        await expect(page.locator(".tile")).to_have_count(len(ATTACKS))
        for number, text in enumerate(ATTACKS):
            await page.goto(f"{fleet.url}/rooms/room-{number}")
            await expect(page.locator("h1")).to_have_text(text)
            for part in (".issues", ".devices", ".timeline", ".diff"):
                await expect(page.locator(part).first).to_contain_text(text)
        for path in ("/rooms", "/rooms?dense=1", "/alerts", "/jobs", "/settings?scope=room:room-0", "/use", "/audit"):
            await page.goto(fleet.url + path)
            await expect(page.locator("h1").first).to_be_visible()
        assert await page.evaluate("window.pwned") is None
        assert await page.locator("main script, main [onerror], main [onload], main img").count() == 0
        assert alarms == []
        await dropped_is_told(page, f"{fleet.url}/audit")
