import pytest

from hardware.audio import alsa
from hardware.audio.alsa import find
from hardware.ports import DeviceError, DeviceMissing, Found
from hardware.uri import DeviceUri

ARRAY = Found("microphone", "usb:2886:0018:42", "ReSpeaker 4 Mic Array", "hw:2", "pci-0-usb-0:2:1.0")
CARDS = (
    Found("microphone", "pci:0000:00:1f.3", "HDA Intel PCH", "hw:0", "pci-0000:00:1f.3"),
    Found("speaker", "pci:0000:00:1f.3", "HDA Intel PCH", "hw:0", "pci-0000:00:1f.3"),
    ARRAY,
)


@pytest.fixture
def proc(tmp_path):
    for path in ("card0/pcm0c", "card0/pcm0p", "card0/pcm3p", "card2/pcm1c", "cardx"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "card0" / "id").write_text("PCH\n")
    (tmp_path / "PCH").symlink_to("card0")
    return tmp_path


@pytest.fixture
def found(proc):
    def look(kind, selector):
        return find(kind, selector, listed=lambda: CARDS, channels=lambda pcm, _: len(pcm), proc=proc)

    return look


@pytest.mark.parametrize(
    "selector", ["2886:0018", "usb:2886:0018:42", "hw:2", "respeaker", "pci-0-usb-0:2:1.0", "2886:0018:42"]
)
def test_a_card_is_found_by_all_its_names(found, selector):
    one = found("microphone", selector)
    assert one.found == ARRAY
    # its first device that records, converted
    assert (one.pcm, one.channels, one.usb) == ("plughw:2,1", len("hw:2,1"), "2886:0018")


def test_the_first_card_is_found_without_a_name(found):
    assert found("microphone", "").pcm == "plughw:0,0"
    assert found("speaker", "").pcm == "plughw:0,0"


@pytest.mark.parametrize("selector", ["hw:0,3", "plughw:0,3", "plughw:CARD=PCH,DEV=3", "hw:PCH,3"])
def test_a_device_of_a_card_can_be_named(found, selector):
    one = found("speaker", selector)
    assert one.pcm in {"plughw:0,3", "plughw:PCH,3"}
    assert one.found.name == "PCH"


def test_what_asound_conf_defines_is_taken_as_it_is(found):
    assert found("microphone", "pcm:beam").pcm == "beam"


@pytest.mark.parametrize(
    "selector", ["hw:7", "hw:7,0", "plughw:CARD=Nobody", "nobody", "pcm:", "hw:../../etc,0", "1d6b:0002"]
)
def test_what_is_not_there_is_missing(found, selector):
    with pytest.raises(DeviceMissing, match="plug it in"):
        found("microphone", selector)


def test_a_card_that_is_named_needs_no_list(proc):
    def fails():
        raise DeviceError("udev cannot list the devices")

    assert find("microphone", "hw:2", listed=fails, channels=lambda *_: 2, proc=proc).pcm == "plughw:2,1"
    with pytest.raises(DeviceError, match="cannot list"):
        find("microphone", "respeaker", listed=fails, channels=lambda *_: 2, proc=proc)


def test_to_look_whether_a_card_is_there_opens_nothing(proc, monkeypatch):
    opened = []
    monkeypatch.setattr(alsa, "most_channels", lambda pcm, **_: opened.append(pcm) or 2)
    monkeypatch.setattr(find, "__kwdefaults__", {"listed": lambda: CARDS, "channels": alsa.channels_of, "proc": proc})
    assert alsa.AlsaMicrophone.present(DeviceUri.parse("alsa:hw:2"))
    assert alsa.AlsaSpeaker.present(DeviceUri.parse("alsa:"))
    assert not alsa.AlsaMicrophone.present(DeviceUri.parse("alsa:hw:7"))
    assert opened == []
    assert alsa.AlsaMicrophone.present(DeviceUri.parse("alsa:pcm:beam"))
    assert opened == ["beam"], "nobody else knows what asound.conf defines"
