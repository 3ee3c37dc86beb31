"""What a screen says of itself: EDID 1.3 and 1.4, and the CTA-861 blocks behind it.

Sources: VESA E-EDID Standard release A2 (base block), ANSI/CTA-861-I section 7 (extension), HDMI 1.4b section 8.3.2
(the vendor's block with the CEC address). Screens lie and cables lose bytes, so nothing here raises: what cannot be
read is left out, and `Edid.faults` says that it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

BLOCK = 128
LARGEST = 256 * BLOCK
"""Bytes: the number of blocks after the first is one byte."""
_HEADER = bytes([0, 255, 255, 255, 255, 255, 255, 0])
_CTA = 0x02
_DESCRIPTORS = (54, 72, 90, 108)
_NAME, _SERIAL = 0xFC, 0xFF
_AUDIO, _VENDOR = 1, 3
_HDMI_OUI = 0x000C03


@dataclass(frozen=True, slots=True)
class Mode:
    """A size and rate of pictures."""

    width: int
    height: int
    rate_hz: float
    """Pictures a second; fields when interlaced."""
    interlaced: bool = False

    def __str__(self) -> str:
        return f"{self.width}x{self.height}{'i' * self.interlaced} {self.rate_hz:.2f} Hz"


@dataclass(frozen=True, slots=True)
class Edid:
    """A screen in its own words; empty fields are not known."""

    manufacturer: str = ""
    """Three letters, registered with UEFI (PNP id): SAM, GSM, SNY."""
    product: int = 0
    name: str = ""
    serial: str = ""
    """As text; screens often leave it out, or say the same for a whole series."""
    serial_number: int = 0
    year: int = 0
    width_mm: int = 0
    height_mm: int = 0
    preferred: Mode | None = None
    audio: bool = False
    """It plays sound that comes over the cable."""
    physical_address: str = ""
    """Where on the HDMI tree its port is, for CEC: 1.0.0.0 is the TV's first input."""
    faults: tuple[str, ...] = ()
    """What is wrong with the bytes; empty when all of them could be read."""

    @property
    def known(self) -> bool:
        """Whether it says at least who made the screen."""
        return bool(self.manufacturer)

    @property
    def id(self) -> str:
        """What stays the same of this screen, whichever port it is plugged into; empty when it is not known."""
        if not self.known:
            return ""
        return f"edid:{self.manufacturer}:{self.product:04x}:{self.serial or format(self.serial_number, '08x')}"


def parse(data: bytes) -> Edid:
    """Read what can be read."""
    if not data:
        return Edid(faults=("it is empty",))
    blocks = [data[start : start + BLOCK] for start in range(0, min(len(data), LARGEST), BLOCK)]
    faults = list(_block_faults(blocks, data))
    base = blocks[0].ljust(BLOCK, b"\0")
    # a cable may spoil a byte of the header; two would let a dead line of ones pass
    if sum(got == right for got, right in zip(base, _HEADER, strict=False)) < 7:
        return Edid(faults=(*faults, "it does not begin as an EDID does"))
    # the first of two names counts
    texts = dict(reversed(list(_texts(base))))
    width_mm, height_mm = _size(base)
    preferred = _timing(base[54:72])
    extensions = [_Cta.parse(block) for block in blocks[1:] if block[0] == _CTA]
    maker = _manufacturer(base)
    if not maker:
        faults.append("it names no maker")
    if any(extension.broken for extension in extensions):
        faults.append("a data block runs out of its extension")
    return Edid(
        manufacturer=maker,
        product=int.from_bytes(base[10:12], "little"),
        name=texts.get(_NAME, ""),
        serial=texts.get(_SERIAL, ""),
        serial_number=int.from_bytes(base[12:16], "little"),
        year=1990 + base[17] if base[17] else 0,
        width_mm=width_mm,
        height_mm=height_mm,
        preferred=preferred,
        audio=any(extension.audio for extension in extensions),
        physical_address=next((x.physical_address for x in extensions if x.physical_address), ""),
        faults=tuple(faults),
    )


def _block_faults(blocks: list[bytes], data: bytes) -> Iterator[str]:
    if len(data) > LARGEST:
        yield f"it is longer than {LARGEST} bytes"
    for number, block in enumerate(blocks):
        if len(block) < BLOCK:
            yield f"block {number} has {len(block)} of {BLOCK} bytes"
        elif sum(block) % 256:
            yield f"block {number} has a wrong checksum"
    promised = 1 + (blocks[0][126] if len(blocks[0]) == BLOCK else 0)
    if len(blocks) < promised:
        yield f"it promises {promised} blocks and has {len(blocks)}"


def _manufacturer(base: bytes) -> str:
    """Take three letters of five bits each apart; A is 1, and makers without an id are known to leave a 0 in it."""
    packed = int.from_bytes(base[8:10], "big")
    letters = [(packed >> shift) & 31 for shift in (10, 5, 0)]
    return "".join(chr(64 + letter) for letter in letters) if packed and max(letters) <= 26 else ""


def _size(base: bytes) -> tuple[int, int]:
    """Return millimetres; one zero of the two bytes makes the other an aspect ratio, which is no size."""
    width, height = base[21], base[22]
    return (width * 10, height * 10) if width and height else (0, 0)


def _texts(base: bytes) -> Iterator[tuple[int, str]]:
    """Yield the display descriptors that hold text: their tag and it."""
    for start in _DESCRIPTORS:
        kind = base[start : start + 5]
        if kind[:3] == b"\0\0\0" and kind[3] in {_NAME, _SERIAL}:
            text = base[start + 5 : start + 18].partition(b"\n")[0].decode("ascii", "replace")
            clean = re.sub(r"[^ -~]", "", text).strip()
            if clean:
                yield kind[3], clean


def _timing(raw: bytes) -> Mode | None:
    """Read a detailed timing; None for another descriptor or an impossible one."""
    clock_hz = int.from_bytes(raw[0:2], "little") * 10_000
    width, height = raw[2] | (raw[4] & 0xF0) << 4, raw[5] | (raw[7] & 0xF0) << 4
    if not (clock_hz and width and height):
        return None
    across = width + (raw[3] | (raw[4] & 0x0F) << 8)
    down = height + (raw[6] | (raw[7] & 0x0F) << 8)
    if raw[17] & 0x80:  # a field has half of the lines, and its blanking half a line more
        return Mode(width, height * 2, clock_hz / (across * (down + 0.5)), interlaced=True)
    return Mode(width, height, clock_hz / (across * down))


@dataclass(frozen=True, slots=True)
class _Cta:
    """What is of use in one CTA-861 extension."""

    audio: bool
    physical_address: str
    broken: bool

    @classmethod
    def parse(cls, block: bytes) -> "_Cta":
        block = block.ljust(BLOCK, b"\0")
        revision, end, flags = block[1], block[2], block[3]
        audio, address, broken = revision >= 2 and bool(flags & 0x40), "", end > BLOCK - 1
        at = 4
        while revision >= 3 and at < min(end, BLOCK - 1):
            tag, size = block[at] >> 5, block[at] & 31
            payload = block[at + 1 : at + 1 + size]
            if at + 1 + size > end or end > BLOCK - 1:
                broken = True
                break
            if tag == _AUDIO and size >= 3:
                audio = True
            elif tag == _VENDOR and size >= 5 and int.from_bytes(payload[:3], "little") == _HDMI_OUI:
                address = address or ".".join(
                    f"{nibble:x}" for byte in payload[3:5] for nibble in (byte >> 4, byte & 15)
                )
            at += 1 + size
        return cls(audio, address, broken)
