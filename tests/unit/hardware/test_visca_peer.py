"""Against visca-over-ip, which others wrote: our camera with its client, and our bytes against its bytes."""

import socket
import threading
import time

import pytest
from visca_over_ip import Camera
from visca_over_ip.exceptions import ViscaException
from visca_server import quick

from hardware.camera import visca, visca_ip

# it binds the camera's port on every address itself, so the camera needs an address of its own
HOST = "127.0.0.2"


@pytest.fixture
def server():
    with quick(host=HOST, raw_udp=None, tcp=None, serial=False) as server:
        yield server


@pytest.fixture
def client(server):
    client = Camera(HOST, server.udp)
    yield client
    client.close_connection()


def comes_to(ask, value):
    deadline = time.monotonic() + 3
    while ask() != value and time.monotonic() < deadline:
        time.sleep(0.02)
    return ask() == value


def arrived(client, position):
    return comes_to(client.get_pantilt_position, position)


def test_a_foreign_client_turns_and_zooms_the_simulated_camera(client):
    client.pantilt(24, 20, 500, -100)
    client.zoom_to(0.5)
    assert arrived(client, (500, -100))
    assert comes_to(client.get_zoom_position, 0x2000)
    client.pantilt_home()
    assert arrived(client, (0, 0))


def test_a_foreign_client_drives_until_it_stops(client):
    client.pantilt(20, 0)
    time.sleep(0.1)
    client.pantilt(0, 0)
    first, second = client.get_pantilt_position(), client.get_pantilt_position()
    assert first == second != (0, 0)
    client.zoom(7)
    client.zoom(0)
    assert client.get_zoom_position() < 0x4000


def test_a_foreign_client_stores_and_recalls_presets(client):
    client.pantilt(24, 20, 300, 50)
    assert arrived(client, (300, 50))
    client.save_preset(7)
    client.pantilt_home()
    assert arrived(client, (0, 0))
    client.recall_preset(7)
    assert arrived(client, (300, 50))


def test_a_foreign_client_sees_standby_and_focus(client):
    client.set_focus_mode("manual")
    assert client.get_focus_mode() == "manual"
    client.set_power(False)
    with pytest.raises(ViscaException, match="not executable"):
        client.pantilt_home()
    client.set_power(True)
    client.pantilt_home()


def test_a_foreign_client_is_told_of_a_position_that_is_out_of_reach(client):
    with pytest.raises(ViscaException, match="Syntax"):
        client.pantilt(1, 1, 30000, 0)


SAME = [
    (lambda camera: camera.pantilt(12, 10, -1234, 567), visca.pan_tilt(-1234, 567, pan_speed=12, tilt_speed=10)),
    (lambda camera: camera.zoom_to(0.25), visca.zoom(0x1000)),
    (lambda camera: camera.get_pantilt_position(), visca.PAN_TILT_POSITION),
    (lambda camera: camera.get_zoom_position(), visca.ZOOM_POSITION),
    (lambda camera: camera._send_command("00 01"), visca.CLEAR),
]


@pytest.mark.parametrize(("call", "request_"), SAME)
def test_our_bytes_are_those_of_a_foreign_client(server, client, call, request_):
    server.camera.received.clear()
    call(client)
    assert server.camera.received[0] == request_.packet()


def test_our_reset_is_that_of_a_foreign_client_up_to_the_number_that_is_ignored():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
        camera.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        camera.bind((HOST, 0))
        camera.settimeout(2)
        thread = threading.Thread(target=lambda: Camera(HOST, camera.getsockname()[1]).close_connection())
        thread.start()
        theirs = visca_ip.decode(camera.recv(64))
        thread.join()
    assert theirs == visca_ip.Datagram(visca_ip.Payload.CONTROL, 1, visca_ip.RESET)
