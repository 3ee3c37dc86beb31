"""What goes wrong between a head and its camera, with real sockets and pseudo terminals."""

import contextlib
import os
import socket
import threading
import time
import tty
from concurrent.futures import ThreadPoolExecutor

import pytest
from visca_server import AWAKE, HOME, STANDBY, WAYS, WIRES, link, quick, sony

from hardware.camera.aim import Aim
from hardware.camera.heads import head
from hardware.camera.sim_visca import SimulatedVisca
from hardware.camera.sim_visca_server import ViscaServer
from hardware.camera.visca import PAN_TILT_POSITION, ZOOM_POSITION, Request, pan_tilt, pan_tilt_of, zoom, zoom_of
from hardware.camera.visca_wire import Raw, Serial, SonyUdp
from hardware.ports import DeviceError, DeviceMissing

FAR = pan_tilt(2448, 0, pan_speed=24, tilt_speed=20)
BACK = pan_tilt(-2448, 0, pan_speed=24, tilt_speed=20)
STORE_1, STORE_2 = (Request(b"\x04\x3f\x01" + bytes((preset,))) for preset in (1, 2))
"""What a camera would do twice if it were told twice."""


@pytest.mark.parametrize("way", WAYS)
def test_a_position_is_asked_over_every_way(way):
    with quick() as server, head(WAYS[way](server)) as camera:
        assert camera.aim() == Aim()


@pytest.mark.parametrize("lost", range(1, 13))
def test_any_lost_datagram_is_said_again_and_nothing_is_done_twice(lost):
    # slow, so that no completion stands in for a lost acknowledgement
    slow = SimulatedVisca(across_s=60)
    with ViscaServer(slow, loses=lambda number: number == lost) as server, sony(server) as camera:
        camera.tell(STORE_1)
        camera.tell(FAR)
        assert camera.ask(PAN_TILT_POSITION, pan_tilt_of)[1] == 0
        camera.tell(STORE_2)
        done = [packet for packet in server.camera.received if packet != PAN_TILT_POSITION.packet()]
        assert done == [STORE_1.packet(), FAR.packet(), STORE_2.packet()]


def test_a_network_that_loses_every_third_datagram_still_turns_the_camera():
    with quick(loses=lambda number: number % 3 == 0) as server, sony(server) as camera:
        camera.tell(FAR)
        camera.tell(BACK)
        assert [packet for packet in server.camera.received if packet in {FAR.packet(), BACK.packet()}][
            -1
        ] == BACK.packet()


def test_a_camera_that_was_restarted_is_counted_for_anew():
    with quick() as server, sony(server) as camera:
        for _ in range(3):
            camera.ask(PAN_TILT_POSITION, pan_tilt_of)
        server._last["127.0.0.1"] = 5000
        assert camera.ask(PAN_TILT_POSITION, pan_tilt_of) == (0, 0)


@pytest.mark.parametrize("way", WAYS)
def test_a_newer_command_replaces_those_that_fill_the_cameras_sockets(way):
    with ViscaServer(SimulatedVisca(across_s=60)) as server, link(WIRES[way](server)) as camera:
        for command in (FAR, zoom(0x4000), BACK, zoom(0)):
            camera.tell(command)
        for direction in (FAR, BACK):
            camera.tell(direction)
        began = server.camera.pose(time.monotonic())[0]
        time.sleep(0.05)
        assert server.camera.pose(time.monotonic())[0] < began


def test_sockets_filled_by_somebody_else_are_cleared():
    with ViscaServer(SimulatedVisca(across_s=60)) as server:
        with sony(server) as other:
            other.tell(FAR)
            other.tell(zoom(0x4000))
        with link(lambda: Raw("127.0.0.1", server.raw_udp, 0.3, tcp=False)) as camera:
            camera.tell(HOME)


def test_standby_is_said_in_words():
    with quick() as server, sony(server) as camera:
        camera.tell(STANDBY)
        with pytest.raises(DeviceError, match="standby: switch it on with its remote"):
            camera.tell(HOME)
        camera.tell(AWAKE)
        camera.tell(HOME)


def test_a_position_out_of_reach_asks_for_the_model():
    with (
        quick() as server,
        sony(server) as camera,
        pytest.raises(DeviceError, match="does not go there: name its model="),
    ):
        camera.tell(pan_tilt(30000, 0, pan_speed=1, tilt_speed=1))


def test_a_camera_that_says_nothing_is_given_up_soon():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with link(lambda: SonyUdp("127.0.0.1", silent.getsockname()[1], 0.3)) as camera:
            begun = time.monotonic()
            with pytest.raises(DeviceError, match=r"ceiling does not answer\. Check the plug"):
                camera.tell(HOME)
            assert time.monotonic() - begun < 2.0


def test_a_port_where_nothing_listens_is_told_from_silence():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    with pytest.raises(DeviceMissing, match=r"takes no VISCA.*raw=1"), head(f"visca:127.0.0.1:{port}"):
        pass


def test_an_address_that_leads_nowhere_is_missing():
    with pytest.raises(DeviceMissing, match="No device on the network is called"), head("visca:no.such.host.invalid"):
        pass


class Talker:
    """A camera that answers each datagram with what it likes."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = answers

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.leaving = False
        self.thread = threading.Thread(target=self.talk)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.leaving = True
        self.thread.join()
        self.socket.close()

    def talk(self):
        while not self.leaving:
            with contextlib.suppress(TimeoutError):
                _, sender = self.socket.recvfrom(100)
                for answer in self.answers:
                    self.socket.sendto(answer, sender)

    def link(self, *, raw):
        port = self.socket.getsockname()[1]
        wire = (lambda: Raw("127.0.0.1", port, 0.3, tcp=False)) if raw else (lambda: SonyUdp("127.0.0.1", port, 0.3))
        return link(wire, reply_s=0.1)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    "answer",
    [b"", b"\xff" * 200, bytes(range(256)), b"\x90\x50\x01\xff", b"\x01\x11\x00\x03\x00\x00\x00\x01\x90\x50\xff"],
)
def test_an_answer_that_makes_no_sense_is_an_error_in_time(raw, answer):
    with Talker(answer) as talker, talker.link(raw=raw) as camera:
        begun = time.monotonic()
        with pytest.raises(DeviceError, match="the ceiling"):
            camera.ask(PAN_TILT_POSITION, pan_tilt_of)
        assert time.monotonic() - begun < 2.5


def test_a_camera_without_sonys_header_is_recognized():
    wrong_type = b"\x02\x00\x00\x02\x00\x00\x00\x01\x0f\x02"
    with (
        Talker(wrong_type) as talker,
        talker.link(raw=False) as camera,
        pytest.raises(DeviceError, match=r"add \?raw=1"),
    ):
        camera.tell(HOME)


@pytest.mark.parametrize("reason", [0x03, 0x04, 0x41, 0x77])
def test_whatever_a_camera_refuses_with_ends_in_words(reason):
    with Talker(bytes((0x90, 0x60, reason, 0xFF))) as talker, talker.link(raw=True) as camera:
        begun = time.monotonic()
        with pytest.raises(DeviceError, match="the ceiling"):
            camera.tell(HOME)
        assert time.monotonic() - begun < 3.0


def test_a_camera_that_refuses_to_tell_its_power_is_there_all_the_same():
    with Talker(b"\x90\x60\x02\xff") as talker:
        port = talker.socket.getsockname()[1]
        with head(f"visca:127.0.0.1:{port}?raw=1") as camera, pytest.raises(DeviceError, match="does not go there"):
            camera.aim()


def test_a_late_completion_is_not_taken_for_an_answer():
    late = b"\x90\x41\xff\x90\x51\xff\x90\x50\x00\x00\x00\x01\x00\x00\x00\x02\xff"
    with Talker(late) as talker, talker.link(raw=True) as camera:
        camera.tell(FAR)
        assert camera.ask(PAN_TILT_POSITION, pan_tilt_of) == (1, 2)


def test_a_closed_connection_is_opened_again():
    with quick() as server, link(lambda: Raw("127.0.0.1", server.tcp, 0.3, tcp=True)) as camera:
        camera.tell(HOME)
        camera.close()
        camera.tell(HOME)


def hang_up(listener):
    connection, _ = listener.accept()
    connection.close()


def test_a_connection_the_camera_closes_is_an_error_once():
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        link(lambda: Raw("127.0.0.1", listener.getsockname()[1], 0.3, tcp=True)) as camera,
    ):
        thread = threading.Thread(target=hang_up, args=(listener,))
        thread.start()
        with pytest.raises(DeviceMissing, match="out of reach"):
            camera.tell(HOME)
        thread.join()


def test_a_chain_with_fewer_cameras_than_the_address_says_so():
    words = "1 cameras are on the cable at the ceiling, none at this address"
    with (
        quick() as server,
        link(lambda: Serial(server.serial, 9600, 3)) as camera,
        pytest.raises(DeviceError, match=words),
    ):
        camera.tell(HOME)


def test_a_serial_port_that_is_pulled_is_missing_and_no_hang():
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    with link(lambda: Serial(os.ttyname(theirs), 38400, 1)) as camera:
        camera._opened()
        os.close(theirs)
        os.close(ours)
        begun = time.monotonic()
        with pytest.raises(DeviceMissing, match="out of reach"):
            camera.tell(HOME)
        assert time.monotonic() - begun < 2.0


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("visca-serial:/dev/ttyUSB99", r"out of reach \(No such file"),
        ("visca-serial:/dev/null", r"out of reach \(it is no serial port"),
        ("visca-serial:/dev", "should look like"),
    ],
)
def test_what_is_no_serial_port_is_said_in_words(uri, words):
    with pytest.raises(DeviceError, match=words), head(uri):
        pass


def test_threads_get_their_own_answers():
    def work():
        for _ in range(20):
            camera.tell(HOME)
            assert camera.ask(PAN_TILT_POSITION, pan_tilt_of) == (0, 0)
            assert camera.ask(ZOOM_POSITION, zoom_of) == 0

    with quick() as server, sony(server) as camera, ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result()
