"""A head that speaks VISCA, told more than it should be; and the simulated head."""

import time

import pytest
from visca_server import HOME, STANDBY, WAYS, quick, sony

from appliance.media.view import View
from hardware.camera import visca, visca_head
from hardware.camera.aim import Aim
from hardware.camera.heads import head
from hardware.camera.sim_head import SimulatedHead
from hardware.camera.visca_head import BETWEEN_S
from hardware.ports import BadUri, DeviceError, DeviceMissing, UnknownScheme
from hardware.uri import DeviceUri


def looks(camera, aim):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        seen = camera.aim()
        if (seen.pan, seen.tilt, seen.zoom) == pytest.approx((aim.pan, aim.tilt, aim.zoom), abs=0.002):
            return True
        time.sleep(0.02)
    return False


def comes_to(server, pose):
    deadline = time.monotonic() + 5
    while (here := server.camera.pose(time.monotonic())) != pose and time.monotonic() < deadline:
        time.sleep(0.01)
    return here == pose


@pytest.mark.parametrize("way", WAYS)
def test_a_head_looks_where_it_is_told(way):
    with quick() as server, head(WAYS[way](server)) as camera:
        camera.move(Aim(0.3, -0.5, 0.25))
        assert looks(camera, Aim(0.3, -0.5, 0.25))
        assert comes_to(server, (734, -216, 4096))


@pytest.mark.parametrize("aim", [Aim(-0.5, 0.0, 0.2), Aim(0.6, 0.25, 1.0)])
def test_an_aim_means_the_same_to_a_head_with_motors_and_a_crop(aim):
    view = View((1920, 1080), (1280, 720))
    cropped = view.aim(view.crop(aim))
    assert (cropped.pan, cropped.tilt, cropped.zoom) == pytest.approx((aim.pan, aim.tilt, aim.zoom), abs=0.002)
    with quick() as server, head(f"visca:127.0.0.1:{server.udp}") as camera:
        camera.move(aim)
        assert looks(camera, aim)


def test_a_head_told_at_every_picture_is_commanded_four_times_a_second_and_ends_at_the_newest_aim():
    with quick() as server, head(f"visca:127.0.0.1:{server.udp}") as camera:
        server.camera.received.clear()
        begun = time.monotonic()
        for step in range(45):
            camera.move(Aim(step / 45, 0.0, step / 45))
            time.sleep(1 / 30)
        last = Aim(-0.5, 0.0, 1.0)
        camera.move(last)
        assert looks(camera, last)
        lasted = time.monotonic() - begun
        commands = [packet for packet in server.camera.received if packet[1] == 1]
        assert 4 <= len(commands) <= lasted / BETWEEN_S + 1
        # neither motor waits for the other to be done with
        assert {packet[2] for packet in commands[:4]} == {0x06, 0x04}


def test_the_same_aim_is_told_once_but_again_when_it_is_meant(monkeypatch):
    monkeypatch.setattr(visca_head, "_STALE_S", 60.0)
    with quick() as server, head(f"visca:127.0.0.1:{server.udp}?model=sony-evi-d100") as camera:
        for _ in range(3):
            camera.move(Aim(0.5))
            time.sleep(2 * BETWEEN_S)
        moves = [packet for packet in server.camera.received if packet[1:4] == b"\x01\x06\x02"]
        assert len(moves) == 1
        with sony(server) as remote_control:
            remote_control.tell(HOME)
        monkeypatch.setattr(visca_head, "_STALE_S", 0.0)
        camera.move(Aim(0.5))
        assert looks(camera, Aim(0.5))


def test_what_went_wrong_is_raised_at_the_next_move():
    with quick() as server, head(f"visca:127.0.0.1:{server.udp}") as camera:
        with sony(server) as remote_control:
            remote_control.tell(STANDBY)
        camera.move(Aim(0.5))
        while visca.pan_tilt(1224, 0, pan_speed=12, tilt_speed=10).packet() not in server.camera.received:
            time.sleep(0.01)
        # telling it and asking for the reason take a moment each
        time.sleep(0.5)
        with pytest.raises(DeviceError, match="standby"):
            camera.move(Aim(0.5))


def test_a_head_that_goes_while_it_is_told_nothing_is_noticed(monkeypatch):
    monkeypatch.setattr(visca_head, "IDLE_S", 0.05)
    with quick() as server:
        camera = head(f"visca:127.0.0.1:{server.udp}").__enter__()
        asked = len(server.camera.received)
        while len(server.camera.received) < asked + 2:
            time.sleep(0.01)
        camera.check()
    while camera._error is None:
        time.sleep(0.01)
    with pytest.raises(DeviceError, match="takes no VISCA"):
        camera.check()
    camera.__exit__()


@pytest.mark.parametrize("name", ["camera..example", "a" * 70])
def test_a_name_that_no_device_can_have_is_missing(name):
    with pytest.raises(DeviceMissing, match="No device on the network is called"), head(f"visca:{name}"):
        pass


def test_a_head_is_left_soon_although_its_camera_is_gone():
    with quick() as server:
        camera = head(f"visca:127.0.0.1:{server.tcp}?raw=1&tcp=1").__enter__()
    camera.move(Aim(0.5))
    begun = time.monotonic()
    camera.__exit__()
    assert time.monotonic() - begun < 3


def test_ends_given_by_hand_turn_the_other_way_round():
    with quick() as server, head(f"visca:127.0.0.1:{server.udp}?pan=1000..-1000&tilt=400..-100&tele=100") as camera:
        camera.move(Aim(1.0, -1.0, 1.0))
        assert looks(camera, Aim(1.0, -1.0, 1.0))
        assert comes_to(server, (-1000, 400, 100))


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("visca:", "should look like visca:192.168.1.20"),
        ("visca:a b", "should look like"),
        ("visca:camera:0", "should look like"),
        ("visca:camera:70000", "should look like"),
        ("visca:camera?tcp=1", "goes with raw=1"),
        ("visca:camera?baud=9600", "no option 'baud'"),
        ("visca:camera?model=kodak", "knows no head 'kodak'; it knows common, sony-evi-d70"),
        ("visca:camera?pan=far", r"should look like pan=-2448\.\.2448"),
        ("visca:camera?tilt=3..3", "should look like tilt="),
        ("visca:camera?pan=0..40000", "should look like pan="),
        ("visca:camera?tele=0", "from 1 to 32767"),
        ("visca-serial:/dev/ttyUSB0?baud=300", "from 9600"),
        ("visca-serial:/dev/ttyUSB0?baud=10000", "baud=9600"),
        ("visca-serial:/dev/ttyUSB0?address=8", "from 1 to 7"),
        ("visca-serial:ttyUSB0", "should look like visca-serial:/dev/ttyUSB0"),
        ("sim:tail", "it has sim:head"),
        ("sim:head?deg_s=0", "from 1 to 1000"),
    ],
)
def test_a_wrong_uri_says_what_is_right(uri, words):
    with pytest.raises(BadUri, match=words):
        head(uri)


def test_an_unknown_scheme_names_the_known_ones():
    with pytest.raises(UnknownScheme, match="known: visca:, visca-serial:, sim:"):
        head("onvif:camera")


def test_a_named_host_and_a_v6_address_are_taken():
    assert head("visca:camera.room-3.example").name == "Camera at camera.room-3.example:52381"
    assert head("visca:[fe80::1]:1259?raw=1").name == "Camera at [fe80::1]:1259"


def test_the_simulated_head_takes_its_time():
    now = 0.0
    with SimulatedHead(DeviceUri.parse("sim:head?deg_s=85"), now=lambda: now) as camera:
        camera.move(Aim(1.0, -0.25, 0.5))
        assert camera.aim() == Aim()
        now = 1.0
        assert camera.aim() == Aim(0.5, -0.25, 0.5)
        camera.move(Aim(0.0, 0.0, 0.0))
        now = 1.5
        assert camera.aim() == Aim(0.25, 0.0, 0.25)
        now = 9.0
        assert camera.aim() == Aim()
        assert camera.moves == [Aim(1.0, -0.25, 0.5), Aim()]


def test_the_simulated_head_is_told_from_a_real_one():
    assert head("sim:head").simulated
    assert not head("visca:camera").simulated
