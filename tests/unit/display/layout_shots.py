"""The TV in each of its layouts, with drawn people: what the golden pictures are made of.

`python tests/unit/display/layout_shots.py` writes them anew; look at them before you keep them.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from tv_builders import NOW, HandRing, HandSource, in_call

from appliance.director import Floor, next_layout
from appliance.link.frames import RingFrame
from appliance.state.layout import PersonId, Source, View
from appliance.state.room import Controls
from display.canvas import Canvas
from display.colour import to_image
from display.frames import PictureBook
from display.scenes import choose
from display.stage import Stage

FOLDER = Path(__file__).parent / "golden"
SIZE = (480, 270)
"""Large enough to see a wrong place, a wrong colour or a missing name; small enough to keep."""
NAMES = ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Katherine Johnson", "Edsger Dijkstra", "Barbara Liskov")
SHOTS = {
    **{f"gallery-{count}": (count, (), View.GALLERY) for count in (1, 2, 4, 9, 16, 25, 49)},
    "gallery-5": (5, (), View.GALLERY),
    "speaker-7": (7, (), View.SPEAKER),
    "content-4": (4, (1,), View.GALLERY),
    "content-9": (9, (0,), View.GALLERY),
}


def shot(name):
    """Draw one layout, made smaller."""
    count, sharing, view = SHOTS[name]
    state = in_call([NAMES[n % len(NAMES)] for n in range(count)], speakers=(PersonId("p1"),))
    people = [
        replace(person, screen_on=n in sharing, mic_muted=n % 3 == 2, camera_on=n != 3)
        for n, person in enumerate(state.call.participants)
    ]
    state = replace(state, call=replace(state.call, participants=tuple(people)), controls=Controls(view=view))
    floor = Floor()
    floor.hear(state.call.speakers, 0.0)
    state = replace(state, layout=next_layout(state, floor) or state.layout)
    ring, canvas = HandRing(state.layout), Canvas()
    for tile in state.layout.tiles:
        if tile.source is Source.SCREEN:
            ring.put(tile.person, slides(tile.w, tile.h), Source.SCREEN)
        elif tile.person != "p3":
            ring.put(tile.person, face(tile.w, tile.h, int(tile.person[1:])))
    Stage(canvas, PictureBook(HandSource(ring))).draw(choose.choose_scene(choose.View(state), NOW), 0)
    return to_image(canvas).resize(SIZE, Image.Resampling.BOX)


def face(w, h, seed):
    """Somebody in front of a wall, lit from one side."""
    y, x = np.mgrid[0:h, 0:w] / np.array([h, w]).reshape(2, 1, 1)
    luma = 90 + 70 * x * (1 - y) + seed * 7 % 40
    shoulders = ((x - 0.5) / 0.34) ** 2 + ((y - 1.05) / 0.4) ** 2 < 1
    head = ((x - 0.5) / 0.13) ** 2 + ((y - 0.45) / 0.22) ** 2 < 1
    luma = np.where(head, 175 - seed * 5 % 60, np.where(shoulders, 60 + seed * 13 % 80, luma))
    u = np.where(head, 112, np.where(shoulders, 100 + seed * 29 % 60, 128))
    v = np.where(head, 152, np.where(shoulders, 100 + seed * 53 % 60, 126))
    return _frame(luma, u, v)


def slides(w, h):
    """A white page with a heading and lines of text."""
    luma = np.full((h, w), 235)
    luma[h // 10 : h // 6, w // 12 : w // 2] = 60
    for row in range(5):
        luma[h * (4 + 2 * row) // 16 : h * (4 + 2 * row) // 16 + h // 30, w // 12 : w * (9 - row) // 12] = 150
    return _frame(luma, np.full((h, w), 128), np.full((h, w), 128))


def _frame(luma, u, v):
    h, w = luma.shape
    return RingFrame(1, 0, w, h, False, 6, *(p.astype(np.uint8) for p in (luma, u[::2, ::2], v[::2, ::2])))


def main():
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SHOTS:
        shot(name).save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
