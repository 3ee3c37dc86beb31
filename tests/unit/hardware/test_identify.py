"""What a device is, by what udev and sysfs say of it."""

from __future__ import annotations

import string
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from hardware.identify import UdevDevice, clean, identify, is_definite, place, select
from hardware.ports import Found

USB = "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-{port}/1-{port}:1.0"


def camera(
    video: int = 0, *, port: str = "2", usb: str = "046d:085e", serial: str = "", index: str = "0", **properties: str
) -> UdevDevice:
    vendor, product = usb.split(":")
    return UdevDevice(
        "video4linux",
        f"video{video}",
        f"/dev/video{video}",
        f"{USB.format(port=port)}/video4linux/video{video}",
        properties,
        {"name": "HD Camera", "index": index},
        {"idVendor": vendor, "idProduct": product, "serial": serial},
    )


def card(number: int, *pcms: str, sys_path: str = "") -> tuple[UdevDevice, ...]:
    path = sys_path or "/sys/devices/pci0000:00/0000:00:1f.3/sound"
    streams = [UdevDevice("sound", pcm, f"/dev/snd/{pcm}", f"{path}/card{number}/{pcm}") for pcm in pcms]
    attributes = {"id": "PCH"}
    return UdevDevice("sound", f"card{number}", "", f"{path}/card{number}", {}, attributes), *streams


def a(kind: str, identity: str, name: str = "", node: str = "", port: str = "") -> Found:
    return Found(kind, identity, name, node, port)


def ids(*devices: UdevDevice) -> list[str]:
    return [one.id for one in identify(devices)]


def test_a_uvc_camera_is_one_camera_though_it_has_two_nodes() -> None:
    picture = camera(0, serial="ABC", ID_V4L_CAPABILITIES=":capture:")
    metadata = camera(1, serial="ABC", index="1", ID_V4L_CAPABILITIES=":")
    port = "pci-0000:00:14.0-usb-0:2:1.0"
    assert identify([metadata, picture]) == (Found("camera", "usb:046d:085e:ABC", "HD Camera", "/dev/video0", port),)


def test_without_udevs_rules_the_first_node_is_the_camera() -> None:
    assert [one.node for one in identify([camera(1, index="1"), camera(0)])] == ["/dev/video0"]


def test_a_first_node_that_cannot_capture_is_no_camera() -> None:
    assert identify([camera(ID_V4L_CAPABILITIES=":video_output:")]) == ()


@pytest.mark.parametrize("index", ["", "zero", "00", "0"])
def test_an_index_that_says_nothing_is_taken_for_the_first(index: str) -> None:
    assert len(identify([camera(index=index)])) == 1


def test_a_camera_without_serial_number_is_known_by_its_port() -> None:
    assert ids(camera()) == ["usb:046d:085e@pci-0000:00:14.0-usb-0:2:1.0"]


def test_udevs_own_word_for_the_port_goes_before_ours() -> None:
    (found,) = identify([camera(ID_PATH="platform-xhci-hcd.1-usb-0:1.3:1.0")])
    assert found.port == "platform-xhci-hcd.1-usb-0:1.3:1.0"


def test_numbers_that_only_udev_knows_are_enough() -> None:
    device = replace(camera(ID_USB_VENDOR_ID="046D", ID_USB_MODEL_ID="085E"), usb={})
    assert ids(device) == ["usb:046d:085e@pci-0000:00:14.0-usb-0:2:1.0"]


def test_equal_serial_numbers_are_told_apart_by_port_whatever_the_order() -> None:
    one, other = camera(0, port="2", serial="0001"), camera(4, port="1.4", serial="0001")
    expected = [f"usb:046d:085e:0001@pci-0000:00:14.0-usb-0:{port}:1.0" for port in ("1.4", "2")]
    assert ids(one, other) == ids(other, one) == expected


def test_other_numbers_under_dev_change_no_id() -> None:
    one, other = camera(0, port="2", serial="0001"), camera(2, port="3", serial="0001")
    renumbered = camera(6, port="2", serial="0001"), camera(1, port="3", serial="0001")
    assert ids(one, other) == ids(*renumbered)


def test_equal_serial_numbers_of_a_camera_and_its_own_microphone_are_one_device() -> None:
    sound, stream = card(2, "pcmC2D0c", sys_path=f"{USB.format(port='2')}/sound")
    microphone = replace(sound, usb={"idVendor": "046d", "idProduct": "085e", "serial": "S"})
    assert ids(camera(serial="S"), microphone, stream) == ["usb:046d:085e:S"] * 2


def test_two_nodes_of_one_port_still_have_different_ids() -> None:
    port = "pci-0000:00:14.0-usb-0:2:1.0"
    assert ids(camera(0), camera(2)) == [f"usb:046d:085e@{port}#1", f"usb:046d:085e@{port}#2"]


def test_an_hdmi_stick_is_an_input_and_no_camera() -> None:
    (found,) = identify([replace(camera(usb="534d:2109"), attributes={"name": "Anything"})])
    assert found.kind == "capture"


@pytest.mark.parametrize("name", ["HDMI to USB", "USB Video", "USB Video: USB Video", "HDMI Cam Link Capture Grabber"])
def test_no_name_makes_a_camera_an_hdmi_input(name: str) -> None:
    (found,) = identify(
        [replace(camera(), attributes={"name": name}, usb={"idVendor": "1234", "idProduct": "5678", "product": name})]
    )
    assert found.kind == "camera"


def test_parts_of_the_pis_image_pipeline_are_no_cameras() -> None:
    names = ("rp1-cfe-csi2_ch0", "pispbe-input", "bcm2835-isp-capture0", "unicam-image", "rpivid")
    assert (
        identify([UdevDevice("video4linux", f"video{i}", attributes={"name": name}) for i, name in enumerate(names)])
        == ()
    )


@pytest.mark.parametrize("sys_name", ["v4l-subdev0", "vbi0", "radio0", "video", "videoX"])
def test_other_devices_of_video4linux_are_no_cameras(sys_name: str) -> None:
    assert identify([UdevDevice("video4linux", sys_name)]) == ()


@pytest.mark.parametrize(
    ("pcms", "kinds"),
    [
        (("pcmC1D0c", "pcmC1D0p"), ["microphone", "speaker"]),
        (("pcmC1D0p", "pcmC1D3p"), ["speaker"]),
        (("pcmC1D0c",), ["microphone"]),
        (("pcmC11D0c",), []),
        ((), []),
    ],
)
def test_a_card_is_what_its_streams_are(pcms: tuple[str, ...], kinds: list[str]) -> None:
    found = identify(card(1, *pcms))
    assert [one.kind for one in found] == kinds
    assert {(one.id, one.node, one.name) for one in found} <= {("pci:0000:00:1f.3", "hw:1", "PCH")}


@pytest.mark.parametrize(("status", "count"), [("connected", 1), ("disconnected", 0), ("unknown", 0), ("", 0)])
def test_a_display_is_there_while_its_connector_says_so(status: str, count: int) -> None:
    path = "/sys/devices/pci0000:00/0000:00:02.0/drm/card1"
    devices = [
        UdevDevice("drm", "card1", "/dev/dri/card1", path),
        UdevDevice("drm", "card1-HDMI-A-1", "", f"{path}/card1-HDMI-A-1", attributes={"status": status}),
    ]
    wanted = Found("display", "pci:0000:00:02.0/HDMI-A-1", "HDMI-A-1", "card1-HDMI-A-1", "pci-0000:00:02.0")
    assert identify(devices) == (wanted,) * count


def test_cec_adapters_and_gpio_chips_are_found() -> None:
    cec = UdevDevice("cec", "cec0", "/dev/cec0", "/sys/devices/platform/soc/fef00700.hdmi/cec0")
    chip = UdevDevice("gpio", "gpiochip0", "/dev/gpiochip0", "/sys/devices/platform/1f000d0000.gpio/gpiochip0")
    legacy = UdevDevice("gpio", "gpiochip512", "", "/sys/class/gpio/gpiochip512")
    assert [(one.kind, one.id, one.node) for one in identify([cec, chip, legacy])] == [
        ("gpio", "platform:1f000d0000.gpio", "/dev/gpiochip0"),
        ("cec", "platform:fef00700.hdmi", "/dev/cec0"),
    ]


def test_a_virtual_camera_is_known_by_its_name() -> None:
    path = "/sys/devices/virtual/video4linux/video9"
    assert ids(UdevDevice("video4linux", "video9", "/dev/video9", path, attributes={"name": "OBS Cam"})) == [
        "virtual:OBS_Cam"
    ]


@pytest.mark.parametrize(
    ("sys_path", "port"),
    [
        (f"{USB.format(port='2')}/video4linux/video0", "pci-0000:00:14.0-usb-0:2:1.0"),
        ("/sys/devices/pci0000:00/0000:00:1c.0/0000:02:00.0/sound/card0", "pci-0000:02:00.0"),
        ("/sys/devices/platform/vivid.0/video4linux/video0", "platform-vivid.0"),
        (
            "/sys/devices/platform/axi/xhci-hcd.0/usb1/1-1/1-1.2/1-1.2:1.3/sound/card1",
            "platform-xhci-hcd.0-usb-0:1.2:1.3",
        ),
        ("/sys/devices/virtual/video4linux/video0", ""),
        ("", ""),
    ],
)
def test_a_place_is_called_as_udev_calls_it(sys_path: str, port: str) -> None:
    assert place(sys_path) == port


def test_names_are_fit_for_a_screen() -> None:
    assert clean("  Log\u202eitech\x1b[31m\n BRIO\u200b\x00 ") == "Logitech[31m BRIO"
    assert clean("x" * 100_000) == "x" * 64
    assert clean("\udcff\x07") == ""


FOUND = (
    a("camera", "usb:046d:085e:A7", "Logitech BRIO", "/dev/video4", "pci-0000:00:14.0-usb-0:1:1.0"),
    a("camera", "usb:046d:0825@pci-0000:00:14.0-usb-0:2:1.0", "C270", "/dev/video0", "pci-0000:00:14.0-usb-0:2:1.0"),
    a(
        "camera",
        "usb:1bcf:28c4:0001@pci-0000:00:14.0-usb-0:3:1.0",
        "FHD",
        "/dev/video2",
        "pci-0000:00:14.0-usb-0:3:1.0",
    ),
    a(
        "camera",
        "usb:1bcf:28c4:0001@pci-0000:00:14.0-usb-0:4:1.0",
        "FHD",
        "/dev/video6",
        "pci-0000:00:14.0-usb-0:4:1.0",
    ),
)


@pytest.mark.parametrize(
    ("selector", "place_in_list"),
    [
        ("", 0),
        ("/dev/video0", 1),
        ("/dev/video", None),
        ("046d:085e", 0),
        ("046D:0825", 1),
        ("046d:085e:A7", 0),
        ("usb:046d:085e:A7", 0),
        ("usb:046d:085e", 0),
        ("046d:085e:A", None),
        ("046d:0825:A7", None),
        ("1bcf:28c4", 2),
        ("usb:1bcf:28c4:0001", 2),
        ("usb:1bcf:28c4:0001@pci-0000:00:14.0-usb-0:4:1.0", 3),
        ("1bcf:28c4@pci-0000:00:14.0-usb-0:4:1.0", 3),
        ("usb:046d:085e:A7@pci-0000:00:14.0-usb-0:1:1.0", 0),
        ("usb:046d:085e:A7@pci-0000:00:14.0-usb-0:9:1.0", None),
        ("pci-0000:00:14.0-usb-0:3:1.0", 2),
        ("brio", 0),
        ("fhd", 2),
        ("nothing of the kind", None),
    ],
)
def test_a_selector_names_the_first_device_that_fits(selector: str, place_in_list: int | None) -> None:
    assert select(selector, FOUND) == (None if place_in_list is None else FOUND[place_in_list])


def test_a_node_goes_before_a_name_that_contains_it() -> None:
    named = a("camera", "virtual:x", "not /dev/video0 at all", "/dev/video3")
    assert select("/dev/video0", (named, FOUND[1])) == FOUND[1]


def test_nothing_can_be_selected_where_nothing_is() -> None:
    assert select("", ()) is None


def test_only_names_may_mean_something_else_than_a_device_of_the_kernels() -> None:
    assert all(map(is_definite, ("", "046d:085e", "usb:046d:085e:S", "hw:2")))
    assert not any(map(is_definite, ("default", "BRIO", "hw:CARD=Array")))


texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "0", "046d", "085e", "0001", ":capture:", "connected", "pci-0000:00:14.0-usb-0:2:1.0", "x" * 5000]
    ),
    st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)
sys_names = st.one_of(
    st.from_regex(r"video[0-9]{1,3}|card[0-9]|pcmC[0-9]D0[cp]|card[01]-HDMI-A-[12]|cec0|gpiochip[0-9]", fullmatch=True),
    st.text(string.printable, max_size=12),
)
devices = st.builds(
    UdevDevice,
    st.sampled_from(["video4linux", "sound", "drm", "cec", "gpio", "usb", ""]),
    sys_names,
    texts,
    st.one_of(texts, st.sampled_from(["1", "2.1"]).map(lambda port: USB.format(port=port))),
    st.dictionaries(st.sampled_from(["ID_PATH", "ID_V4L_CAPABILITIES", "ID_MODEL", "ID_USB_VENDOR_ID"]), texts),
    st.dictionaries(st.sampled_from(["name", "index", "id", "status", "label"]), texts),
    st.dictionaries(st.sampled_from(["idVendor", "idProduct", "serial", "product"]), texts),
)


@given(st.lists(devices, max_size=12))
def test_whatever_is_said_each_device_has_an_id_of_its_own_and_a_name_for_a_screen(there: list[UdevDevice]) -> None:
    found = identify(there)
    assert len({(one.kind, one.id) for one in found}) == len(found)
    for one in found:
        assert one.id.isascii()
        assert one.id.isprintable()
        assert 0 < len(one.name) <= 64
        assert one.name == clean(one.name)


@given(st.lists(devices, max_size=8), st.randoms())
def test_the_order_in_which_devices_are_listed_changes_nothing(there: list[UdevDevice], random: object) -> None:
    shuffled = list(there)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert identify(shuffled) == identify(there)


@given(texts, st.lists(st.builds(Found, st.just("camera"), texts, texts, texts, texts), max_size=5))
def test_a_selector_of_any_text_selects_one_of_those_that_are_there_or_none(selector: str, found: list[Found]) -> None:
    assert select(selector, found) in (*found, None)


@given(st.lists(devices, max_size=8))
def test_each_device_is_selected_by_its_own_id(there: list[UdevDevice]) -> None:
    found = [one for one in identify(there) if one.kind == "camera"]
    assert [select(one.id, found) for one in found] == found
