"""The touch panel: that a finger is where the panel says."""

from acceptance.check import Figure, Figures, check, demand
from acceptance.person import Person
from acceptance.room import Room

_CORNERS = {"top left": (0, 0), "top right": (1, 0), "bottom right": (1, 1), "bottom left": (0, 1)}
_FARTHEST = 0.2
"""Of the panel's width or height: a finger is no needle."""


@check(
    "touch-panel",
    "The touch panel feels a finger where it is",
    do="Plug the touch panel in, and turn it as it will hang.",
    passes=f"a touch in each corner is within {_FARTHEST:.0%} of it",
    uses=("machine",),
)
def touch_panel(room: Room, person: Person) -> Figures:
    figures: dict[str, Figure] = {}
    worst = 0.0
    with room.touch() as panel:
        figures["panel"] = panel.name
        for corner, (x, y) in _CORNERS.items():
            person.tell(f"Touch the {corner} corner, and let go.")
            at = panel.next(room.spans.patience)
            demand(at is not None, f"no touch at the {corner}", figures)
            assert at is not None
            worst = max(worst, abs(at[0] - x), abs(at[1] - y))
            figures[corner.replace(" ", "_")] = f"{at[0]:.2f} {at[1]:.2f}"
    demand(worst <= _FARTHEST, "a corner was felt elsewhere: the panel is turned or mirrored", figures)
    return figures
