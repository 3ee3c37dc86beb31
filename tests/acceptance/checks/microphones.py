"""Microphone arrays: whether each channel is the microphone it should be, and where voices come from."""

from statistics import median

import numpy as np
from numpy.typing import NDArray

from acceptance.check import Failed, Figure, Figures, check, demand
from acceptance.person import Person
from acceptance.room import Room
from acceptance.sounds import Shorts, captured, hear
from appliance.media.options import SoundSettings
from appliance.media.sound.chain import SoundChain
from hardware.ports import BLOCK, SAMPLE_RATE, Microphone

_LEAST_TAP_DB = 12.0
"""By how much a tap is louder than the room."""
_FULL_SCALE = 32768.0
_WIDEST_DEG = 15.0
"""A person does not stand more exactly than this."""
_PLACES_DEG = (0, 45, -45)


@check(
    "microphone-channels",
    "Each channel of the microphone array is one microphone, and none is dead or there twice",
    do="Plug the microphone array in and keep the room quiet. Its microphones are small holes.",
    passes="of taps on each microphone in turn, each is loudest in a channel of its own",
    uses=("microphone",),
)
def channels(room: Room, person: Person) -> Figures:
    with room.microphone(room.devices.microphone) as microphone:
        bare = list(microphone.array.microphones)
        quiet = _peaks_db(captured(microphone, room.spans.still)[:, bare])
        order: list[int] = []
        leads: list[float] = []
        for number in range(1, len(bare) + 1):
            person.tell(f"Tap microphone {number} of {len(bare)} three times with a fingernail, now.")
            channel, lead_db = _tapped(microphone, room, bare, float(quiet.max()))
            person.tell(f"channel {channel} heard it, {lead_db:.0f} dB before the next")
            order.append(channel)
            leads.append(lead_db)
        figures: dict[str, Figure] = {
            "microphone": microphone.name,
            "channels": microphone.channels,
            "order": " ".join(map(str, order)),
            "least_lead_db": round(min(leads), 1),
            "quiet_dbfs": round(float(quiet.max()), 1),
        }
    missing = set(bare) - set(order)
    demand(not missing, f"no tap was loudest in {', '.join(map(str, sorted(missing)))}: dead, or mixed up", figures)
    return figures


@check(
    "voice-direction",
    "The array hears from where somebody speaks",
    do="You need a microphone array and two metres of space: ahead of it (where the camera looks), and 45 degrees to "
    "the right and to the left of that.",
    passes=f"within {_WIDEST_DEG:g} degrees at 0, 45 (right) and -45 (left)",
    uses=("microphone",),
)
def direction(room: Room, person: Person) -> Figures:
    figures: dict[str, Figure] = {}
    for place in _PLACES_DEG:
        person.ready(
            f"Stand at {place} degrees, two metres away. After Enter, read this sentence aloud until it stops."
        )
        with room.microphone(room.devices.microphone) as microphone:
            figures["microphone"] = microphone.name
            figures[f"at_{place}_deg"] = round(_direction(microphone, room.spans.listen), 1)
    errors = [abs((float(figures[f"at_{place}_deg"]) - place + 180) % 360 - 180) for place in _PLACES_DEG]
    figures["worst_deg"] = round(max(errors), 1)
    words = "the array's geometry, or how it lies, is not what the settings say: turn it, or correct its geometry="
    demand(max(errors) <= _WIDEST_DEG, words, figures)
    return figures


def _tapped(microphone: Microphone, room: Room, bare: list[int], quiet_db: float) -> tuple[int, float]:
    """Wait for a tap; return the channel that heard it loudest, and by how much more than the next."""
    for _ in range(max(1, round(room.spans.patience / 0.5))):
        peaks = _peaks_db(captured(microphone, 0.5)[:, bare])
        if peaks.max() > quiet_db + _LEAST_TAP_DB:
            # the fingernail may be half way through: what is loudest is told by the whole of it
            peaks = np.maximum(peaks, _peaks_db(captured(microphone, 1.0)[:, bare]))
            first, second = np.sort(np.append(peaks, quiet_db))[::-1][:2]
            return bare[int(peaks.argmax())], float(first - second)
    raise Failed("no tap was heard")


def _peaks_db(samples: Shorts) -> NDArray[np.float64]:
    """Return each channel's loudest 10 ms, in dB below full scale."""
    blocks = samples[: len(samples) // BLOCK * BLOCK].astype(np.float64).reshape(-1, BLOCK, samples.shape[1])
    # a table's hum is no tap
    loudest = np.sqrt(np.square(np.diff(blocks, axis=1)).mean(axis=1)).max(axis=0)
    return np.asarray(20 * np.log10(np.maximum(loudest / _FULL_SCALE, 1e-6)), np.float64)


def _direction(microphone: Microphone, seconds: float) -> float:
    """Return the median of where the room's own sound chain finds a voice."""
    demand(len(microphone.array.microphones) > 1, f"{microphone.name} is one microphone, no array")
    chain = SoundChain(microphone.array, SoundSettings(cancel_echo=False, voice_model=not microphone.simulated))
    done = [chain.process(block) for block in hear(microphone, seconds)]
    heard = [it.direction_deg for it in done if it.speech and it.direction_deg is not None]
    demand(len(heard) * BLOCK > 0.5 * SAMPLE_RATE, "hardly a voice was heard: come nearer, or speak up")
    # around the first one, so that nothing jumps from 180 to -180
    return (heard[0] + median((it - heard[0] + 180) % 360 - 180 for it in heard) + 180) % 360 - 180
