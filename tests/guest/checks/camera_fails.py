"""A real V4L2 camera stalls, loses pictures, breaks while streaming, or does not start; and there are two of a kind."""

import time

import vivid
from check import figure, raised, step
from pictures import error_of, pictures_for, until_colour

from hardware import registry
from hardware.hotplug.udev import enumerate_devices
from hardware.ports import DeviceError

URI = f"v4l2:{vivid.PORT}?size=320x180&fps=5"

with vivid.loaded():
    vivid.plain(vivid.RED)

    with registry.camera(URI) as camera:
        until_colour(camera, "red")
        with step("it gives nothing, and no error either: so does ours, without hanging"):
            vivid.control(percentage_of_dropped_buffers=100)
            time.sleep(2.0)  # what was on its way
            pictures_for(camera, 0.5)
            assert pictures_for(camera, 3.0) == 0
        with step("it goes on where it stood"):
            vivid.control(percentage_of_dropped_buffers=0)
            until_colour(camera, "red")
        with step("a broken picture is left out, and the next one comes"):
            vivid.control(inject_v4l2_buf_flag_error=1)
            vivid.plain(vivid.GREEN)
            until_colour(camera, "green")
        with step("it stalls and is closed: that does not take for ever"):
            vivid.control(percentage_of_dropped_buffers=100)
            time.sleep(2.0)
            closing = time.monotonic()
        figure("a stalled camera closed in", time.monotonic() - closing, "s")
        assert time.monotonic() - closing < 10
    vivid.control(percentage_of_dropped_buffers=0)

    with step("it breaks while it streams, and works when opened anew"):
        with registry.camera(URI) as camera:
            until_colour(camera, "green")
            vivid.control(inject_fatal_streaming_error=1)
            error = error_of(camera)
            assert isinstance(error, DeviceError)
            assert "unplug it" in str(error), error
        with registry.camera(URI) as camera:
            until_colour(camera, "green")

    with step("it does not start, and works when opened anew"):
        vivid.control(inject_vidioc_streamon_error=1)
        raised(DeviceError, registry.camera(URI).__enter__)
        with registry.camera(URI) as camera:
            until_colour(camera, "green")

with vivid.loaded(2), step("two of a kind are told apart, before and after"):
    for number, colour in ((0, vivid.RED), (1, vivid.BLUE)):
        vivid.plain(colour, vivid.node(number))
    before = [found for found in enumerate_devices() if found.kind == "camera"]
    assert len({found.id for found in before}) == 2, before
    for found, colour in zip(before, ("red", "blue"), strict=True):
        with registry.camera(f"v4l2:{found.node}?size=320x180&fps=5") as camera:
            until_colour(camera, colour)
    vivid.replug()
    assert [found for found in enumerate_devices() if found.kind == "camera"] == before
