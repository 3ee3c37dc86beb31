import layout_shots
import numpy as np
import pytest
from PIL import Image


@pytest.mark.parametrize("name", layout_shots.SHOTS)
def test_every_layout_looks_as_it_did(name):
    """Fonts and rounding may differ a little between machines; a place, a colour or a name may not."""
    golden = np.asarray(Image.open(layout_shots.FOLDER / f"{name}.png").convert("RGB"), np.int16)
    now = np.asarray(layout_shots.shot(name), np.int16)
    difference = np.abs(golden - now)
    assert difference.mean() < 1.0
    blocks = difference[:264].reshape(33, 8, 60, 8, 3).mean(axis=(1, 3, 4))
    assert blocks.max() < 12, f"look at row {blocks.max(axis=1).argmax() * 8} of {name}"
