"""Connectors as the kernel shows them, and as a broken kernel might."""

import os
from pathlib import Path

import pytest

from hardware.tv.connector import Connector, choose, connectors

LG = (Path(__file__).parent / "edids" / "lg-c8-hdmi.bin").read_bytes()


class Drm:
    """A /sys/class/drm of the test's own."""

    def __init__(self, root):
        self.root = root
        self.folder = root / "sys/class/drm"
        self.folder.mkdir(parents=True)
        (self.folder / "version").write_text("drm 1.1.0 20060810\n")
        (self.folder / "card0").mkdir()
        (self.folder / "renderD128").mkdir()

    def plug(self, name, status="connected", edid=LG, **files):
        place = self.folder / name
        place.mkdir(exist_ok=True)
        (place / "edid").write_bytes(edid)
        texts = {"status": status, "enabled": "enabled", "modes": "3840x2160\n1920x1080\n1920x1080", "dpms": "On"}
        for file, text in {**texts, **files}.items():
            (place / file).write_text(text + "\n")
        return place

    def only(self):
        (connector,) = connectors(self.root)
        return connector


@pytest.fixture
def drm(tmp_path):
    return Drm(tmp_path)


def test_a_connected_tv_is_read_with_all_that_is_known_of_it(drm):
    drm.plug("card0-HDMI-A-1", connector_id="33")
    tv = drm.only()
    assert (tv.name, tv.output, tv.type, tv.card, tv.number) == ("card0-HDMI-A-1", "HDMI-A-1", "HDMI-A", 0, 33)
    assert (tv.connected, tv.enabled, tv.lit, tv.trouble) == (True, True, True, "")
    assert tv.modes == ("3840x2160", "1920x1080")
    assert tv.edid.name == "LG TV"


def test_a_machine_without_a_graphics_card_has_no_connectors(tmp_path):
    assert connectors(tmp_path) == ()


def test_an_unplugged_connector_is_disconnected_and_no_trouble(drm):
    drm.plug("card1-DP-2", status="disconnected", edid=b"", modes="", dpms="Off", enabled="disabled")
    tv = drm.only()
    assert (tv.connected, tv.enabled, tv.lit, tv.trouble, tv.card) == (False, False, False, "", 1)


def test_an_empty_edid_is_a_tv_of_unknown_make(drm):
    drm.plug("card0-HDMI-A-1", edid=b"")
    tv = drm.only()
    assert tv.connected
    assert not tv.edid.known
    assert tv.trouble == "its EDID is in part unreadable: it is empty"


@pytest.mark.parametrize("status", ["", "maybe", "\xff\xfe", "connected\x00" * 5000, "x" * 1_000_000])
def test_a_status_that_is_none_is_told_and_counts_as_unplugged(drm, status):
    drm.plug("card0-HDMI-A-1", status=status)
    tv = drm.only()
    assert not tv.connected
    assert tv.trouble.startswith("its status reads")
    assert len(tv.trouble) < 200


def test_a_kernel_that_cannot_tell_is_no_trouble(drm):
    drm.plug("card0-VGA-1", status="unknown")
    assert (drm.only().connected, drm.only().trouble) == (False, "")


def test_files_larger_than_any_screens_are_not_read_to_their_end(drm):
    drm.plug("card0-HDMI-A-1", edid=b"\0" * 50_000_000, modes="1920x1080\n" * 5_000_000)
    tv = drm.only()
    assert "it is longer than 32768 bytes" in tv.trouble
    assert tv.modes == ("1920x1080",)


def test_a_connector_that_vanishes_while_it_is_read_is_told(drm):
    place = drm.plug("card0-HDMI-A-1")
    (place / "status").unlink()
    (place / "modes").unlink()
    tv = drm.only()
    assert not tv.connected
    assert "status cannot be read (No such file or directory)" in tv.trouble


def test_a_file_that_never_answers_does_not_hold_anybody_up(drm):
    place = drm.plug("card0-HDMI-A-1")
    (place / "edid").unlink()
    os.mkfifo(place / "edid")
    (place / "modes").unlink()
    (place / "modes").mkdir()
    tv = drm.only()
    assert tv.connected
    assert not tv.edid.known
    assert "modes cannot be read (Is a directory)" in tv.trouble


def test_only_connectors_are_taken_for_connectors(drm):
    drm.plug("card0-HDMI-A-1")
    drm.plug("card0-Writeback-1")
    drm.plug("card0-HDMI-A-1-extra")
    drm.plug("cardX-HDMI-A-1")
    assert [tv.name for tv in connectors(drm.root)] == ["card0-HDMI-A-1"]


def screens(*names, connected=True):
    return [Connector(name, connected=connected) for name in names]


def test_the_tv_is_the_connected_hdmi_rather_than_the_machines_own_panel():
    found = [*screens("card0-DSI-1", "card0-DP-1", "card0-HDMI-A-2"), *screens("card0-HDMI-A-1", connected=False)]
    assert choose(found).name == "card0-HDMI-A-2"


def test_a_room_with_only_its_own_panel_has_no_tv():
    assert choose(screens("card0-DSI-1", "card0-eDP-1")) is None
    assert choose([]) is None


def test_the_tv_stays_where_it_was_among_equals():
    found = screens("card0-HDMI-A-1", "card0-HDMI-A-2")
    assert choose(found).name == "card0-HDMI-A-1"
    assert choose(found, before="card0-HDMI-A-2").name == "card0-HDMI-A-2"


def test_a_tv_that_went_off_is_not_given_up_for_an_empty_socket():
    found = screens("card0-HDMI-A-1", "card0-HDMI-A-2", connected=False)
    assert choose(found, before="card0-HDMI-A-2").name == "card0-HDMI-A-2"


def test_the_settings_name_the_connector_either_way():
    found = screens("card0-DSI-1", "card1-HDMI-A-1")
    assert choose(found, "DSI-1").name == "card0-DSI-1"
    assert choose(found, "card1-HDMI-A-1").name == "card1-HDMI-A-1"
    assert choose(found, "HDMI-A-7") is None
