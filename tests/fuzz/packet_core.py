"""How the fuzzing of the packet core is built."""

from pathlib import Path

from appliance.media.rtc.native.build import SOURCES, STRICT

HERE = Path(__file__).parent
ENTRY = HERE / "packet_core.c"
CORPUS = HERE / "corpus"
_PURE = (
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


def core_sources() -> list[Path]:
    """Return the files without sockets and threads."""
    return [SOURCES / f"{name}.c" for name in _PURE]


def core_flags() -> tuple[str, ...]:
    """Return what the entry needs: the headers, and allocations that can fail."""
    return (*STRICT, f"-I{SOURCES}", "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc")
