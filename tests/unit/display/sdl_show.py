"""A program for the SDL test: shows one canvas in a window and says so, until its input ends."""

import sys

import numpy as np

from display.canvas import Canvas
from display.geometry import Rect
from display.screens.registry import presenter_for

COLOURS = ((200, 30, 30), (30, 180, 60), (60, 90, 220), (240, 240, 240))


def painted(width, height):
    canvas = Canvas(width, height)
    for i, colour in enumerate(COLOURS):
        canvas.fill(Rect(i % 2 * width // 2, i // 2 * height // 2, width // 2, height // 2), colour)
    ramp = canvas.views(Rect(0, height // 2 - 16, width, 32))
    ramp[0][:] = np.linspace(16, 235, width, dtype=np.uint8)
    ramp[1][:] = ramp[2][:] = 128
    return canvas


if __name__ == "__main__":
    presenter = presenter_for(sys.argv[1])
    presenter.open(640, 360)
    canvas = painted(640, 360)
    for _ in range(3):
        presenter.present(canvas)
        canvas.rev += 1
    print("shown", flush=True)  # noqa: T201 - the test waits for this line
    sys.stdin.read()
    presenter.close()
