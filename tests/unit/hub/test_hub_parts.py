import os
import stat
from datetime import UTC, datetime, timedelta

import pytest
import yarl

from appliance.hub.certificate import BadCertificate, own_certificate, tls_context
from appliance.hub.downlink import Downlink, Flow
from appliance.hub.invites import Invites
from appliance.hub.layers import Step
from appliance.hub.limits import Bucket, CallerLimits
from appliance.hub.outbox import Outbox
from appliance.hub.pages import Pages
from appliance.hub.server import HubSettings
from appliance.hub.speakers import Speakers, Speaking
from appliance.media.rtc.frames import Capacity


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_bucket_allows_a_burst_and_then_its_rate():
    clock = Clock()
    bucket = Bucket(3, 0.5, clock=clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.now += 2
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.now += 1000
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_one_caller_does_not_use_up_what_others_have_but_all_together_are_limited():
    limits = CallerLimits(each=(2, 0.0), total=(3, 0.0), clock=Clock())
    assert [limits.allow("a") for _ in range(3)] == [True, True, False]
    assert limits.allow("b")
    assert not limits.allow("c")


def test_callers_without_end_do_not_fill_the_memory():
    limits = CallerLimits(each=(1, 0.0), total=(1e9, 0.0), clock=Clock())
    for i in range(10_000):
        limits.allow(str(i))
    assert len(limits._callers) <= 4096


async def test_who_does_not_read_its_signals_fills_no_memory():
    outbox = Outbox()
    assert outbox.put(bytes(3_000_000)), "the description of a large meeting is one signal"
    assert not outbox.put(b"x")
    outbox.end()
    assert [len(signal) async for signal in outbox] == [3_000_000]
    assert [outbox.put(bytes(400_000)) for _ in range(3)] == [True, True, False]
    outbox.end()
    assert [len(signal) async for signal in outbox] == [400_000, 400_000]


def talk(speakers, sid, level, start, seconds):
    for i in range(int(seconds * 50)):
        speakers.hear(sid, level, start + i / 50)


def test_a_loud_voice_is_a_speaker_and_a_quiet_one_is_not():
    speakers = Speakers()
    talk(speakers, "ada", 20, 0.0, 0.5)
    talk(speakers, "bob", 70, 0.0, 0.5)
    assert [(s.sid, s.active) for s in speakers.changes(0.5)] == [("ada", True)]


def test_a_pause_between_words_changes_nothing():
    speakers = Speakers()
    talk(speakers, "ada", 20, 0.0, 0.5)
    speakers.changes(0.5)
    talk(speakers, "ada", 127, 0.5, 0.8)
    assert all(change.active for change in speakers.changes(1.3))
    talk(speakers, "ada", 127, 1.3, 3.0)
    assert speakers.changes(4.3) == [Speaking("ada", 0.0, active=False)]
    assert speakers.changes(5.0) == []


def test_the_list_is_whole_and_loudest_first():
    speakers = Speakers()
    talk(speakers, "ada", 30, 0.0, 0.5)
    speakers.changes(0.5)
    talk(speakers, "ada", 30, 0.5, 0.5)
    talk(speakers, "bob", 18, 0.5, 0.5)
    assert [s.sid for s in speakers.changes(1.0)] == ["bob", "ada"]


def test_who_leaves_while_speaking_ceases_to_speak():
    speakers = Speakers()
    talk(speakers, "ada", 20, 0.0, 0.5)
    speakers.changes(0.5)
    speakers.remove("ada")
    assert speakers.changes(1.0) == [Speaking("ada", 0.0, active=False)]
    assert speakers.changes(1.5) == []


CAMERA = Flow("camera", (Step("", 1_500_000, 720),))
SCREEN = Flow("screen", (Step("", 800_000, 1080),), is_screen=True)


def hold(downlink, now, *, estimate, loss):
    chosen = downlink.choose(
        [CAMERA, SCREEN], capacity=Capacity(estimate, measured=False), loss=loss, sounds=2, now=now
    )
    return {sid for sid, step in chosen.items() if step is None}


def test_a_low_estimate_without_loss_holds_nothing_back():
    downlink = Downlink()
    assert all(hold(downlink, t, estimate=300_000, loss=0.0) == set() for t in range(20))


def test_under_congestion_cameras_wait_first_and_are_tried_again():
    downlink = Downlink()
    seen = [hold(downlink, t, estimate=1_200_000, loss=0.3) for t in range(4)]
    assert seen == [set(), set(), {"camera"}, {"camera"}]
    assert hold(downlink, 6.9, estimate=1_200_000, loss=0.3) == {"camera"}
    assert hold(downlink, 7.1, estimate=1_200_000, loss=0.3) == set()


def test_each_further_try_comes_later():
    downlink = Downlink()
    held = [hold(downlink, float(t), estimate=1_200_000, loss=0.3) for t in range(60)]
    pauses = "".join("x" if h else "." for h in held).split(".")
    lengths = [len(p) for p in pauses if p]
    assert lengths[0] < lengths[1] < lengths[2]


def test_nothing_is_held_back_of_what_fits():
    downlink = Downlink()
    assert all(hold(downlink, t, estimate=5_000_000, loss=0.3) == set() for t in range(10))


def test_the_own_certificate_is_kept_until_it_is_for_others_or_old(tmp_path):
    now = datetime(2026, 11, 22, tzinfo=UTC)
    cert, key = own_certificate(tmp_path, ["room.example", "192.0.2.7"], now=now)
    first = cert.read_bytes()
    tls_context(cert, key)
    own_certificate(tmp_path, ["room.example", "192.0.2.7"], now=now + timedelta(days=300))
    assert cert.read_bytes() == first
    own_certificate(tmp_path, ["room.example", "192.0.2.8"], now=now)
    second = cert.read_bytes()
    assert second != first
    own_certificate(tmp_path, ["room.example", "192.0.2.8"], now=now + timedelta(days=380))
    assert cert.read_bytes() != second


def test_the_certificate_is_for_the_rooms_media_and_the_key_for_the_hub_alone(tmp_path):
    before = os.umask(0o027)
    cert, key = own_certificate(tmp_path, ["room.example"], now=datetime.now(UTC))
    os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (cert, key)] == [0o644, 0o600]


def test_a_link_that_root_adds_can_still_be_read_by_the_hub(tmp_path):
    hubs = 65534 if os.geteuid() == 0 else os.geteuid()
    os.chown(tmp_path, hubs, -1)
    now = datetime.now(UTC)
    Invites(tmp_path / "invites.json", now=lambda: now).invite("r", "t", now, now + timedelta(hours=1))
    assert {path.name: path.stat().st_uid for path in tmp_path.iterdir()} == {
        "invites.json": hubs,
        "invites.json.lock": hubs,
    }


def test_a_link_laid_for_the_lock_leads_nowhere(tmp_path):
    (tmp_path / "invites.json.lock").symlink_to(tmp_path / "elsewhere")
    now = datetime.now(UTC)
    with pytest.raises(OSError, match="symbolic"):
        Invites(tmp_path / "invites.json", now=lambda: now).invite("r", "t", now, now + timedelta(hours=1))
    assert not (tmp_path / "elsewhere").exists()


def test_a_certificate_that_does_not_fit_is_said_in_words(tmp_path):
    with pytest.raises(BadCertificate, match="Check that both"):
        tls_context(tmp_path / "missing.pem", tmp_path / "missing.key")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "guest" / "vendor").mkdir(parents=True)
    (tmp_path / "guest" / "index.html").write_text("<!doctype html>")
    (tmp_path / "guest" / "app.js").write_text("1")
    (tmp_path / "guest" / "vendor" / "lib.js").write_text("2")
    (tmp_path / "guest" / "notes.bak").write_text("secret")
    (tmp_path / "outside.js").write_text("secret")
    (tmp_path / "guest" / "link.js").symlink_to(tmp_path / "outside.js")
    return tmp_path / "guest"


async def test_the_guest_page_is_served_with_headers_that_let_nothing_else_in(run, folder, tmp_path):
    async with run(HubSettings(port=0), tmp_path, Pages.of(folder)) as hub:
        async with hub.web.get(hub.url + "/") as page:
            assert page.headers["Content-Type"] == "text/html; charset=utf-8"
            assert page.headers["Cache-Control"] == "no-store"
            policy = page.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self';" in policy
            assert hub.url.replace("http", "ws") in policy
            assert page.headers["X-Content-Type-Options"] == "nosniff"
        async with hub.web.get(hub.url + "/vendor/lib.js") as script:
            assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
            assert await script.text() == "2"


@pytest.mark.parametrize(
    "path",
    [
        "/notes.bak",
        "/link.js",
        "/../outside.js",
        "/%2e%2e/outside.js",
        "/vendor",
        "/nothing",
        "/vendor/../../outside.js",
    ],
)
async def test_nothing_but_the_pages_files_is_served(run, folder, tmp_path, path):
    async with run(HubSettings(port=0), tmp_path, Pages.of(folder)) as hub:
        answer = await hub.web.get(yarl.URL(hub.url + path, encoded=True))
        assert answer.status == 404
        assert "secret" not in await answer.text()


async def test_a_hub_without_a_guest_page_still_serves_meetings(run, tmp_path):
    async with run(HubSettings(port=0), tmp_path, Pages.of(tmp_path / "none")) as hub:
        async with hub.web.get(hub.url + "/") as answer:
            assert answer.status == 404
        assert (await hub.health())["ok"]
