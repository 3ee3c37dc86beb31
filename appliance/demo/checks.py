"""What `make demo` claims, checked on what came out: TV picture, speaker's recording, the guest's own report."""

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.demo.guest import RATE, clip_sound
from appliance.state.layout import Tile

Picture = NDArray[np.uint8]
_THUMB = (48, 27)
_ENVELOPE = RATE // 100


@dataclass(frozen=True, slots=True)
class Clip:
    """What the guest plays, in the form it is looked for."""

    thumbnails: list[NDArray[np.float64]]
    envelope: NDArray[np.float64]

    @classmethod
    def of(cls, path: Path) -> "Clip":
        """Decode a clip once."""
        return cls(_clip_thumbnails(path), _envelope(clip_sound(path).astype(np.float64)))


def clip_on_tv(picture: Path, tile: Tile, clip: Clip) -> float:
    """Return how alike the tile on the TV and the most alike picture of the clip are: 1 is the same, 0 is chance."""
    shown = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE) if picture.exists() else None
    if shown is None:
        return 0.0
    # the name label and the rounded corners are the room's own; the middle is the guest's
    middle = shown[tile.y + tile.h // 8 : tile.y + tile.h * 6 // 8, tile.x + tile.w // 8 : tile.x + tile.w * 7 // 8]
    thumb = _thumbnail(middle)
    if thumb.std() < 1:  # one flat colour is like nothing
        return 0.0
    return max(float(np.corrcoef(thumb, other)[0, 1]) for other in clip.thumbnails)


def clip_at_speaker(recording: Path, clip: Clip) -> float:
    """Return how alike the rise and fall of the speaker's newest sound and of the clip's are, at the best shift."""
    played = _envelope(_last_seconds(recording, 4)) if recording.exists() else np.empty(0)
    looped = np.concatenate([clip.envelope, clip.envelope])
    if played.size < 100 or played.std() == 0:
        return 0.0
    shifts = range(len(looped) - len(played))
    return max((float(np.corrcoef(played, looped[at : at + len(played)])[0, 1]) for at in shifts), default=0.0)


def moves(counts: list[int]) -> bool:
    """Say whether a picture's burned-in counter went on counting."""
    return len(set(counts)) > 5


def loudest(tones: dict[str, int]) -> float:
    """Return the frequency heard most often, 0 when nothing was heard."""
    return float(max(tones, key=lambda hertz: tones[hertz], default="0"))


def _clip_thumbnails(clip: Path) -> list[NDArray[np.float64]]:
    with av.open(str(clip)) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return [
        _thumbnail(p[p.shape[0] // 8 : p.shape[0] * 6 // 8, p.shape[1] // 8 : p.shape[1] * 7 // 8]) for p in pictures
    ]


def _thumbnail(picture: Any) -> NDArray[np.float64]:
    small = cv2.resize(picture, _THUMB, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float64).ravel()


def _last_seconds(recording: Path, seconds: float) -> NDArray[np.float64]:
    """Read the end of a WAV file that may still be growing (its header's length is not yet true)."""
    with wave.open(str(recording)) as header:
        channels, rate = header.getnchannels(), header.getframerate()
    raw = recording.read_bytes()[44:]
    raw = raw[: len(raw) // (2 * channels) * 2 * channels]
    samples = np.frombuffer(raw, np.int16).reshape(-1, channels).mean(1)
    return np.asarray(samples[-int(seconds * rate) :], np.float64)


def _envelope(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    blocks = samples[: len(samples) // _ENVELOPE * _ENVELOPE].reshape(-1, _ENVELOPE)
    return np.asarray(np.sqrt((blocks**2).mean(1)), np.float64)
