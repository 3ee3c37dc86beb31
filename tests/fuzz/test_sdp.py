"""Hostile session descriptions: a corpus of other programs' and of spoiled ones, and mutations of all these.

Whatever comes is answered or refused in our words, soon, and the peer can be closed after it.
"""

import asyncio
import gc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import HERE

from appliance.media.rtc.native.setup import LineWish, line_setup, sender_setup
from appliance.media.rtc.peer import Peer
from appliance.media.rtc.sdp import BadDescription, finish_local, shape_remote

CORPUS = {path.name: path.read_bytes().decode() for path in sorted((HERE / "corpus" / "sdp").iterdir())}
ALL = tuple(CORPUS)
HONEST = [name for name in CORPUS if not name.startswith("hostile-")]
ANSWERS = [name for name in HONEST if name.endswith("-answer")]
SOON_S = 5
WORDS = st.sampled_from(
    ["", " ", ":", "0", "-1", "128", "99999999999999999999", "\x00", "\u0663", "\ud800", "a" * 300, ";", "recv", "0 0"]
)
PLACES = st.integers(0, 1000)


@st.composite
def spoiled(draw, names=ALL):
    """One of the corpus with lines cut out, taken over from others, moved, or garbled."""
    lines, others = (CORPUS[draw(st.sampled_from(some))].split("\r\n") for some in (names, ALL))
    for _ in range(draw(st.integers(1, 5))):
        at, other = draw(PLACES) % len(lines), draw(PLACES)
        match draw(st.integers(0, 4)):
            case 0 if len(lines) > 1:
                del lines[at]
            case 1:
                lines.insert(at, others[other % len(others)])
            case 2:
                lines.insert(at, lines[other % len(lines)])
            case 3:
                cut = other % (len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + draw(WORDS) + lines[at][cut + draw(st.integers(0, 3)) :]
            case _:
                words = lines[at].split(" ")
                words[other % len(words)] = draw(WORDS)
                lines[at] = " ".join(words)
    return "\r\n".join(lines)


async def connect(peer: Peer) -> None:
    """Set up what is set up when the handshake is over, in Python and for the native engine."""
    connection = peer._connection
    for line in connection.getTransceivers():
        if line.mid is None:
            continue
        receiving = connection._RTCPeerConnection__remoteRtp(line)
        port = connection.port(line.mid)
        await port.receive(receiving)
        wish = LineWish(line.mid, line.kind == "video", receiving.codecs, port.extensions, port.ssrcs, port.repairs)
        line_setup(1, wish)
        sending = connection._RTCPeerConnection__localRtp(line)
        if sending.codecs:
            sender_setup(line.kind, sending, ssrcs=(1, 2))


async def take(offer: str = "", answer: str = "") -> bool:
    """Let a peer take a description and be closed; tell whether it was not refused."""
    mistakes = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: mistakes.append(context))
    try:
        async with asyncio.timeout(SOON_S), Peer(name="victim", addresses=lambda: ("127.0.0.1",)) as victim:
            if offer:
                await victim.accept_offer(offer)
            else:
                victim.add_out("audio", "opus", stream_id="S", track_id="A")
                victim.add_out("video", "VP8", stream_id="S", track_id="V", layers=("q", "h", "f"))
                victim.add_channel("_reliable")
                await victim.offer()
                await victim.accept_answer(answer)
            await connect(victim)
            return True
    except BadDescription:
        return False
    finally:
        await asyncio.sleep(0)
        gc.collect(0)
        assert not mistakes


@pytest.mark.parametrize("name", HONEST)
async def test_what_other_programs_say_is_understood(name):
    assert await take(**{"answer" if name in ANSWERS else "offer": CORPUS[name]})


@pytest.mark.parametrize("name", CORPUS)
async def test_every_description_is_taken_or_refused(name):
    await take(offer=CORPUS[name])
    await take(answer=CORPUS[name])


@settings(max_examples=200, deadline=None)
@given(text=spoiled() | st.text(max_size=200))
def test_spoiled_descriptions_are_shaped_or_refused(text):
    try:
        shaped = shape_remote(text)
    except BadDescription:
        return
    finish_local(shaped.text, shaped)
    assert all(len(layers.rids) <= 4 for layers in shaped.layers.values())


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=spoiled())
def test_spoiled_offers_are_answered_or_refused(text):
    asyncio.run(take(offer=text))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=spoiled(ANSWERS))
def test_spoiled_answers_are_taken_or_refused(text):
    asyncio.run(take(answer=text))
