"""The native code that is fuzzed: for each entry what it is built from, and its corpus."""

from dataclasses import dataclass
from pathlib import Path

from appliance.media.rtc.native.build import SOURCES, STRICT

HERE = Path(__file__).parent
FLAGS = (*STRICT, f"-I{SOURCES}", "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc")
"""The headers, and allocations that can fail."""


@dataclass(frozen=True, slots=True)
class Target:
    """One entry."""

    name: str
    parts: tuple[str, ...]
    """Of the native engine."""
    iterations: int
    """In a test: some seconds of one core."""

    @property
    def sources(self) -> list[Path]:
        """The entry and what it is linked with."""
        return [HERE / f"{self.name}.c", *(SOURCES / f"{part}.c" for part in self.parts)]

    @property
    def corpus(self) -> Path:
        """Inputs written by hand, and those that fuzzing found."""
        return HERE / "corpus" / self.name


_CORE = (
    "rtp",
    "depacketize",
    "sequence",
    "window",
    "missing",
    "video",
    "reorder",
    "assembler",
    "packetize",
    "history",
)
PACKET_CORE = Target("packet_core", _CORE, 30_000)
# all but the thread and the sockets, which the entry stands in for
CONNECTION = Target(
    "connection",
    (
        *_CORE,
        "arrivals",
        "connection",
        "heard",
        "incoming",
        "layer",
        "outgoing",
        "events",
        "pacer",
        "packet_log",
        "reception",
    ),
    4_000,
)
TARGETS = {target.name: target for target in (PACKET_CORE, CONNECTION)}
