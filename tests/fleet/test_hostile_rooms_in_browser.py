"""A room that puts script into every word it says, by way of the real broker and ingest onto the pages in Chromium."""

import asyncio
import base64
import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from urllib.parse import quote

import pytest
from browser import chromium
from every_page import pages_of
from mqtt_parts import say
from playwright.async_api import expect
from room_voice import Voice
from test_fleet_in_browser import come_in
from whole_fleet import whole_fleet

from appliance.telemetry.protocol.codec import encode
from appliance.telemetry.protocol.payloads import Event, Health, Info, Reported, State
from appliance.telemetry.protocol.records import CONTENTS, Chunk, JobReport, JobState
from appliance.telemetry.protocol.topics import Topics
from fleet.web.app import now_ms

pytestmark = pytest.mark.timeout(180)
ATTACKS = (
    "<script>window.pwned=1;alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "javascript:alert(1)//{{7*7}}${7*7}",
    "</title><svg/onload=alert(1)>",
)
DOCUMENTS = {"state": State, "info": Info, "health": Health, "reported": Reported, "event": Event}
"""What a room says on which topic, beside batches of records."""


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


async def speaks(broker, number: int, text: str) -> Voice:
    """Say everything a room can say unasked, as a room of its own whose boots are named as badly as all else."""
    voice = Voice(room=f"room-{number}", boot=text, at=now_ms())
    topics = voice.topics
    for name, kind in DOCUMENTS.items():
        await say(broker, getattr(topics, name), encode(voice.stamp(), full_of(kind, text)).decode())
    contents = [full_of(kind, text) for kind in CONTENTS.values() if kind is not Chunk]
    await say(broker, topics.batch, voice.batch(1, *contents).payload.decode())
    # a name that is none, of a room that is not there
    await say(broker, f"rooms/v1/home/{re.sub('[/+#]', '-', text)}/up/health", "{}")
    return voice


async def answers(broker, voice: Voice, text: str, job: str) -> None:
    """Answer a job: with words, and with a file of any name and kind."""
    part = {"index": 0, "count": 1, "data": base64.b64encode(text.encode()).decode()}
    for_job = (
        replace(full_of(JobReport, text), job=job, state=JobState.FAILED),
        replace(full_of(Chunk, text), job=job, **part),
    )
    await say(broker, voice.topics.batch, voice.batch(100, *for_job).payload.decode())


async def asked_for_logs(page, url: str) -> str:
    """Have all rooms send their logs, as an admin's page does; return the job."""
    csrf = await page.locator('input[name="csrf"]').first.get_attribute("value")
    scopes = [f"room:room-{number}" for number in range(len(ATTACKS))]
    answer = await page.request.post(
        f"{url}/api/v1/jobs", headers={"X-CSRF-Token": csrf}, data={"kind": "logs", "scopes": scopes}
    )
    return (await answer.json())["id"]


async def a_file_is_only_saved(page, text: str) -> None:
    """See a file of any name and kind listed as text, and handed out as nothing that a browser opens."""
    link = page.locator(".files a")
    await expect(link).to_have_text(text)
    answer = await page.request.get(str(await link.evaluate("(one) => one.href")))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]+"', answer.headers["content-disposition"])


async def dropped_is_told(page, url: str) -> None:
    """Wait until the ingest has told what it counted, which it does every few seconds."""
    async with asyncio.timeout(30):
        while not await page.locator("#dropped").count():
            await page.goto(url)
    await expect(page.locator("#dropped")).to_contain_text("not JSON within the limits")


def test_nothing_a_room_can_say_is_left_out():
    topics = Topics("home", "room-0")
    spoken = {getattr(topics, name) for name, part in vars(Topics).items() if isinstance(part, property)}
    assert {topics.batch, *(getattr(topics, name) for name in DOCUMENTS)} == {one for one in spoken if "/up/" in one}


async def test_script_in_every_word_of_a_room_is_shown_as_text_and_never_run(tmp_path):
    alarms = []
    async with whole_fleet(tmp_path) as fleet, chromium() as browser:
        page = await come_in(browser, await fleet.console("admin-link"), "ada")
        page.on("dialog", lambda dialog: alarms.append(dialog.message))
        page.on("pageerror", lambda error: alarms.append(str(error)))
        # what the pages' policy refuses is told there, too
        page.on("console", lambda said: said.type == "error" and "404" not in said.text and alarms.append(said.text))
        voices = [await speaks(fleet.broker, number, text) for number, text in enumerate(ATTACKS)]
        await say(fleet.broker, "rooms/v1/home/room-0/up/health", "<script>")
        await expect(page.locator(".tile")).to_have_count(len(ATTACKS))
        job = await asked_for_logs(page, fleet.url)
        await page.goto(f"{fleet.url}/jobs/{job}")
        # what a room says of a job before it is told is not heard
        await expect(page.locator("tbody .state.queued")).to_have_count(len(ATTACKS), timeout=30_000)
        for voice, text in zip(voices, ATTACKS, strict=True):
            await answers(fleet.broker, voice, text, job)
        for text in ATTACKS:
            await expect(page.get_by_role("cell", name=text, exact=True)).to_have_count(2, timeout=30_000)
        for number, text in enumerate(ATTACKS):
            await page.goto(f"{fleet.url}/rooms/room-{number}")
            await expect(page.locator("h1")).to_have_text(text)
            for part in (".issues", ".devices", ".timeline", ".own", ".lines"):
                await expect(page.locator(part).first).to_contain_text(text)
            await a_file_is_only_saved(page, text)
            await page.goto(f"{fleet.url}/rooms/{quote(text, safe='')}")
            await expect(page.locator("h1")).to_have_text("Not here")
        for path in pages_of("none", room_id="room-0", job=job):
            await page.goto(fleet.url + path)
            await expect(page.locator("h1").first).to_be_visible()
        assert await page.evaluate("window.pwned") is None
        assert await page.locator("main script, main [onerror], main [onload], main img").count() == 0
        assert alarms == []
        await dropped_is_told(page, f"{fleet.url}/audit")
