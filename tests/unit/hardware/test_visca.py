"""VISCA packets against the published lists, and against anything at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.camera import visca, visca_ip
from hardware.camera.aim import Aim
from hardware.camera.sim_visca import SimulatedVisca
from hardware.camera.visca import Ack, Chain, Changed, Done, Refusal, Refused, Splitter
from hardware.camera.visca_ip import Datagram, Payload
from hardware.camera.visca_models import MODELS, Axis

PACKETS = [
    (visca.pan_tilt(-1, 2, pan_speed=0x18, tilt_speed=0x14), "81 01 06 02 18 14 0f 0f 0f 0f 00 00 00 02 ff"),
    (visca.pan_tilt(0x08A58, -1, pan_speed=1, tilt_speed=0, pan_digits=5), "81010602 0100 00080a0508 0f0f0f0f ff"),
    (visca.zoom(0x4000), "81 01 04 47 04 00 00 00 ff"),
    (visca.cancel(2), "81 22 ff"),
    (visca.CLEAR, "81 01 00 01 ff"),
    (visca.PAN_TILT_POSITION, "81 09 06 12 ff"),
    (visca.ZOOM_POSITION, "81 09 04 47 ff"),
    (visca.POWER, "81 09 04 00 ff"),
]
REPLIES = [
    ("90 41 ff", Ack(1)),
    ("90 52 ff", Done(2)),
    ("90 50 02 ff", Done(0, b"\x02")),
    ("90 60 02 ff", Refused(0, Refusal.SYNTAX)),
    ("90 60 03 ff", Refused(0, Refusal.BUFFER_FULL)),
    ("90 62 04 ff", Refused(2, Refusal.CANCELLED)),
    ("90 62 05 ff", Refused(2, Refusal.NO_SOCKET)),
    ("90 61 41 ff", Refused(1, Refusal.NOT_EXECUTABLE)),
    ("90 61 7e ff", Refused(1, 0x7E)),
    ("88 30 04 ff", Chain(3)),
    ("a0 38 ff", Changed()),
    ("88 01 00 01 ff", None),
    ("90 41", None),
    ("10 41 ff", None),
]


@pytest.mark.parametrize(("request_", "packet"), PACKETS)
def test_commands_are_those_of_the_published_lists(request_, packet):
    assert request_.packet() == bytes.fromhex(packet)


@pytest.mark.parametrize(("packet", "reply"), REPLIES)
def test_replies_are_read_as_the_published_lists_say(packet, reply):
    assert visca.decode(bytes.fromhex(packet)) == reply


def test_a_chain_is_addressed_by_broadcast():
    assert visca.ADDRESS_SET.packet(visca.BROADCAST) == b"\x88\x30\x01\xff"
    assert visca.CLEAR.packet(visca.BROADCAST) == b"\x88\x01\x00\x01\xff"
    assert visca.zoom(1).packet(3) == bytes.fromhex("83 01 04 47 00 00 00 01 ff")


@given(st.binary(max_size=40))
def test_no_bytes_break_the_decoders(data):
    visca.decode(data)
    visca_ip.decode(data)
    for understand in (visca.pan_tilt_of, visca.zoom_of, visca.power_of):
        understand(data)


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_a_stream_is_cut_into_packets_whatever_its_pieces(pieces):
    splitter, whole = Splitter(), Splitter()
    cut = [packet for piece in pieces for packet in splitter.feed(piece)]
    assert all(len(packet) <= visca.LONGEST and packet.index(0xFF) == len(packet) - 1 for packet in cut)
    short = b"".join(pieces).split(b"\xff")
    assert whole.feed(b"".join(pieces)) == [p + b"\xff" for p in short[:-1] if 0 < len(p) < visca.LONGEST]


@given(st.lists(st.sampled_from(PACKETS), max_size=8), st.integers(1, 7))
def test_packets_in_pieces_arrive_whole(packets, size):
    wanted = [request.packet() for request, _ in packets]
    stream, splitter = b"".join(wanted), Splitter()
    assert [p for at in range(0, len(stream), size) for p in splitter.feed(stream[at : at + size])] == wanted


@given(st.integers(-0x8000, 0x7FFF), st.integers(-0x8000, 0x7FFF))
def test_a_position_comes_back_as_it_was_sent(pan, tilt):
    sent = visca.pan_tilt(pan, tilt, pan_speed=1, tilt_speed=1).body
    assert visca.pan_tilt_of(sent[4:]) == (pan, tilt)
    large = visca.pan_tilt(pan * 10, tilt, pan_speed=1, tilt_speed=0, pan_digits=5).body
    assert visca.pan_tilt_of(large[4:]) == (pan * 10, tilt)


def test_sonys_header_counts_and_measures():
    packet = visca.zoom(1).packet()
    data = Datagram(Payload.COMMAND, 7, packet).encode()
    assert data == bytes.fromhex("0100 0009 00000007") + packet
    assert visca_ip.decode(data) == Datagram(Payload.COMMAND, 7, packet)
    assert visca_ip.decode(data[:-1]) is None
    assert visca_ip.after(0xFFFFFFFF) == 0


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
@given(pan=st.floats(-1, 1), tilt=st.floats(-1, 1), zoom=st.floats(0, 1))
def test_an_aim_comes_back_from_every_head(model, pan, tilt, zoom):
    position = model.pan.position(pan), model.tilt.position(tilt)
    aim = model.aim(position, round(zoom * model.tele))
    assert aim.pan == pytest.approx(pan, abs=0.002)
    assert aim.tilt == pytest.approx(tilt, abs=0.003)
    assert aim.zoom == pytest.approx(zoom, abs=0.001)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_every_head_looks_ahead_at_zero_and_to_its_ends(model):
    assert (model.pan.position(0), model.tilt.position(0)) == (0, 0)
    assert (model.pan.position(-1), model.pan.position(1)) == (model.pan.lowest, model.pan.highest)
    assert (model.tilt.position(-1), model.tilt.position(1)) == (model.tilt.lowest, model.tilt.highest)
    assert model.aim((0, 0), 0) == Aim()


@given(st.integers(-0x7FFF, 0x7FFF), st.integers(-0x7FFF, 0x7FFF), st.floats(-1, 1))
def test_an_axis_stays_within_any_ends(one, other, part):
    axis = Axis(one, other)
    assert min(one, other) <= axis.position(part) <= max(one, other)
    assert -1 <= axis.part(axis.position(part)) <= 1


@given(st.lists(st.tuples(st.binary(max_size=20), st.floats(0, 3)), max_size=30))
def test_no_bytes_break_the_simulated_camera(packets):
    camera, now = SimulatedVisca(), 0.0
    for body, later in packets:
        now += later
        for packet in (body, b"\x81\x01" + body + b"\xff"):
            for answer in camera.receive(packet, now) + camera.completed(now):
                assert visca.decode(answer) is not None or answer == b"\x88\x01\x00\x01\xff"
    pan, tilt, zoom = camera.pose(now + 10)
    model = MODELS["common"]
    assert model.pan.lowest <= pan <= model.pan.highest
    assert model.tilt.lowest <= tilt <= model.tilt.highest
    assert 0 <= zoom <= model.tele


def told(camera, packet, now=0.0):
    return [answer.hex(" ") for answer in camera.receive(bytes.fromhex(packet), now)]


def test_the_simulated_camera_answers_as_sonys_table_does():
    camera = SimulatedVisca(across_s=1.0)
    assert told(camera, "81 01 04 38 02 ff") == ["90 41 ff"]
    assert camera.completed(0.0) == [bytes.fromhex("9051ff")]
    assert told(camera, "81 09 04 38 ff") == ["90 50 02 ff"]
    assert told(camera, "81 09 05 38 ff") == ["90 60 02 ff"]
    assert told(camera, "81 01 04 38 ff") == ["90 60 02 ff"]
    assert told(camera, "81 22 ff") == ["90 62 05 ff"]
    assert told(camera, "88 30 01 ff") == ["88 30 02 ff"]
    assert told(camera, "88 01 00 01 ff") == ["88 01 00 01 ff"]
    assert told(camera, "81 01 00 01 ff") == ["90 50 ff"]
    assert told(camera, "82 09 04 38 ff") == []


def test_a_third_command_finds_no_socket_until_one_is_cancelled_or_done():
    camera = SimulatedVisca(across_s=1.0)
    turn = visca.pan_tilt(2448, 0, pan_speed=24, tilt_speed=20).packet().hex()
    assert told(camera, turn) == ["90 41 ff"]
    assert told(camera, "81 01 04 47 04 00 00 00 ff") == ["90 42 ff"]
    assert told(camera, "81 01 06 04 ff", 0.1) == ["90 60 03 ff"]
    assert told(camera, "81 21 ff", 0.25) == ["90 61 04 ff"]
    assert camera.pose(9.0)[0] == camera.pose(0.25)[0] == 1224
    assert camera.next_completion() == 1.0
    assert camera.completed(1.0) == [b"\x90\x52\xff"]
    assert told(camera, "81 01 06 04 ff", 1.0) == ["90 41 ff"]


def test_in_standby_only_power_works():
    camera = SimulatedVisca()
    told(camera, "81 01 04 00 03 ff")
    assert told(camera, "81 01 06 04 ff") == ["90 60 41 ff"]
    assert told(camera, "81 09 04 00 ff") == ["90 50 03 ff"]
    assert told(camera, "81 01 04 00 02 ff") == ["90 42 ff"]
    assert len(camera.completed(0.0)) == 2
    assert told(camera, "81 01 06 04 ff", 1.0) == ["90 41 ff"]
