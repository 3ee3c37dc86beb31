import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.audio.pipewire import nodes
from hardware.audio.pipewire_dump import parsed
from hardware.audio.pipewire_links import linked
from hardware.ports import Found

CARD = {"device.bus": "usb", "device.vendor.id": "0x2886", "device.product.id": "0x0018", "alsa.card": 2}


def node(number, name, media_class="Audio/Source", **properties):
    properties = {key.replace("_", "."): value for key, value in properties.items()}
    return {
        "id": number,
        "type": "PipeWire:Interface:Node",
        "info": {"props": {"node.name": name, "media.class": media_class, "object.serial": 100 + number} | properties},
    }


def device(number, properties):
    return {"id": number, "type": "PipeWire:Interface:Device", "info": {"props": properties}}


def default(key, name):
    metadata = [{"subject": 0, "key": key, "type": "Spa:String:JSON", "value": {"name": name}}]
    return {"id": 30, "type": "PipeWire:Interface:Metadata", "metadata": metadata}


def test_microphones_and_speakers_are_told_apart_and_the_default_is_first():
    dump = [
        node(1, "a_mic"),
        node(2, "tv", "Audio/Sink"),
        node(3, "b_mic"),
        node(4, "a_window", "Stream/Output/Audio"),
        node(5, "auto_null", "Audio/Sink"),
        default("default.audio.source", "b_mic"),
    ]
    assert [one.found.node for one in nodes("microphone", dump, {})] == ["b_mic", "a_mic"]
    assert [one.found.node for one in nodes("speaker", dump, {})] == ["tv"]


def test_a_usb_device_is_the_one_that_udev_knows():
    dump = [device(9, CARD), node(1, "x", device_id=9, node_description="ReSpeaker", audio_channels=6)]
    udev = Found("microphone", "usb:2886:0018:42", "ReSpeaker 4 Mic Array", "hw:2", "pci-0-usb-0:2:1.0")
    (known,) = nodes("microphone", dump, {"hw:2": udev})
    assert known.found == Found("microphone", "usb:2886:0018:42", "ReSpeaker", "x", "pci-0-usb-0:2:1.0")
    assert (known.usb, known.channels, known.pcm) == ("2886:0018", 6, "pipewire:NODE=101")
    (alone,) = nodes("microphone", dump, {})
    assert alone.found.id.startswith("usb:2886:0018@")


def test_a_name_means_nothing_to_alsa():
    strange = node(1, "mic,CHANNELS=9 'x' {")
    del strange["info"]["props"]["object.serial"]
    (one,) = nodes("microphone", [strange], {})
    assert one.pcm == "pipewire:NODE=mic_CHANNELS_9__x___"


def test_a_name_is_fit_for_a_screen():
    (one,) = nodes("microphone", [node(1, "x", node_description="Mic\x1b[31m\u202e one\n" + "y" * 900)], {})
    assert one.found.name.isprintable()
    assert len(one.found.name) <= 64


def test_what_changed_while_it_was_told_is_told_anew():
    first = [node(1, "stays"), node(2, "goes")]
    told = json.dumps(first) + "\n" + json.dumps([node(3, "comes")]) + json.dumps([{"id": 2, "info": None}]) + "\n"
    assert [one["info"]["props"]["node.name"] for one in parsed(told)] == ["stays", "comes"]


@pytest.mark.parametrize("told", ["", "[]", "{}", "[null, 3]"])
def test_nothing_is_nothing(told):
    assert parsed(told) == []


def test_what_is_no_json_is_an_error():
    with pytest.raises(ValueError, match="Expecting"):
        parsed("[\n  {")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "node.name",
    "media.class",
    "client.id",
    "port.id",
    "application.process.id",
    "link.input.node",
    "device.id",
    "audio.channels",
    "object.serial",
    "node.description",
    "alsa.card",
)
properties = st.dictionaries(st.sampled_from(KEYS), anything | st.sampled_from(["Audio/Source", "Audio/Sink"]))
of_any_type = st.sampled_from(["Node", "Device", "Metadata", "Client", "Port", "Link"]).map(
    "PipeWire:Interface:{}".format
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": anything, "type": of_any_type | anything},
            optional={"info": anything | st.fixed_dictionaries({"props": properties | anything}), "metadata": anything},
        )
    )
)
def test_no_dump_is_too_strange(dump):
    for kind in ("microphone", "speaker"):
        for one in nodes(kind, parsed(json.dumps(dump)), {}):
            assert one.found.kind == kind
        linked(parsed(json.dumps(dump)), "x", 2, 1)


def stream_of(pid, number, links):
    """A stream of a process, and how its channels hear the array: (theirs, ours), by place."""
    client = {"id": number, "type": "PipeWire:Interface:Client", "info": {"props": {"application.process.id": pid}}}
    ports = [port(number * 10 + place, place) for place in range(4)]
    made = [
        {
            "id": number * 100 + theirs,
            "type": "PipeWire:Interface:Link",
            "info": {
                "props": {
                    "link.output.node": 1,
                    "link.output.port": 900 + theirs,
                    "link.input.node": number + 1,
                    "link.input.port": number * 10 + ours,
                }
            },
        }
        for theirs, ours in links
    ]
    return [client, node(number + 1, "ALSA Capture", "Stream/Input/Audio", client_id=number), *ports, *made]


def port(number, place):
    return {"id": number, "type": "PipeWire:Interface:Port", "info": {"props": {"port.id": place}}}


ARRAY = [node(1, "array"), *(port(900 + place, place) for place in range(4))]
ASKEW = [(0, 2), (1, 0), (2, 3), (3, 1)]


def test_links_tell_where_each_microphone_of_an_array_is():
    straight = [(place, place) for place in range(4)]
    dump = [*ARRAY, *stream_of(7, 20, straight), *stream_of(7, 30, ASKEW), *stream_of(8, 40, straight)]
    assert linked(dump, "array", 4, 7) == (2, 0, 3, 1)
    assert linked(dump, "array", 4, 8) == (0, 1, 2, 3)
    assert linked(dump, "array", 2, 8) == (0, 1)
    # a newer stream that hears something else says nothing of this one
    assert linked([*dump, *stream_of(7, 50, [])], "array", 4, 7) == (2, 0, 3, 1)


def test_until_every_channel_is_linked_nobody_knows():
    assert linked([*ARRAY, *stream_of(7, 30, ASKEW[:3])], "array", 4, 7) is None
    assert linked([*ARRAY, *stream_of(7, 30, [*ASKEW[:3], (3, 3)])], "array", 4, 7) is None
    assert linked([*ARRAY, *stream_of(7, 30, ASKEW)], "array", 4, 9) is None
    assert linked([*ARRAY, *stream_of(7, 30, ASKEW)], "another", 4, 7) is None
