"""librtp.so as Python sees it: where it lies, its functions and its structures (ctypes needs no compiler)."""

import ctypes
import functools
import importlib.util
import logging
import os
from ctypes import POINTER, c_char, c_char_p, c_int, c_int64, c_size_t, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from pathlib import Path

from appliance.media.rtc.native import srtp

logger = logging.getLogger(__name__)

VERSION = 3
"""What `engine_version` must say: the two sides would not understand each other otherwise."""
NAME = "librtp.so"
PACKAGE = "salon_rtp"
"""The wheel that brings the library where there is no compiler."""
ENVIRONMENT = "SALON_RTP"
"""`pure` in this variable keeps the native engine off; anything else in it is the path of the library."""
NAME_ROOM = 33
MOST_CODECS = 48
MOST_SSRCS = 16
NO_LEVEL = 255

VP8, H264, AUDIO, RTX = 1, 2, 3, 4
"""Codecs as the library knows them; to it all sound is alike."""


class Extensions(ctypes.Structure):
    """Header extension ids; 0 is none."""

    _fields_ = [
        (name, c_uint8) for name in ("mid", "rid", "repaired_rid", "audio_level", "abs_send_time", "transport_sequence")
    ]


class Codec(ctypes.Structure):
    """One payload type of an m-line."""

    _fields_ = [("payload_type", c_uint8), ("codec", c_uint8), ("repairs", c_uint8), ("clock_rate", c_uint32)]


class Source(ctypes.Structure):
    """One SSRC that a description names."""

    _fields_ = [("ssrc", c_uint32), ("repairs", c_uint32)]


class LineSetup(ctypes.Structure):
    """A receiving m-line."""

    _fields_ = [
        ("number", c_uint16),
        ("video", c_uint8),
        ("codec_count", c_uint8),
        ("ssrc_count", c_uint8),
        ("mid", c_char * NAME_ROOM),
        ("codecs", Codec * MOST_CODECS),
        ("ssrcs", Source * MOST_SSRCS),
    ]


class SenderSetup(ctypes.Structure):
    """A stream to send."""

    _fields_ = [
        ("ssrc", c_uint32),
        ("repair_ssrc", c_uint32),
        ("number", c_uint16),
        ("video", c_uint8),
        ("codec", c_uint8),
        ("payload_type", c_uint8),
        ("repair_payload_type", c_uint8),
        ("extensions", Extensions),
        ("mid", c_char * NAME_ROOM),
        ("rid", c_char * NAME_ROOM),
    ]


class ConnectionCounters(ctypes.Structure):
    """What a connection received."""

    _fields_ = [(name, c_uint64) for name in ("octets", "numbered", "malformed")]


class LineCounters(ctypes.Structure):
    """What arrived on an m-line."""

    _fields_ = [(name, c_uint64) for name in ("packets", "bytes", "lost", "skips")]


class SenderCounters(ctypes.Structure):
    """What a sender sent."""

    _fields_ = [(name, c_uint64) for name in ("packets", "octets", "repaired")]


_FUNCTIONS: dict[str, tuple[object, tuple[object, ...]]] = {
    "engine_version": (c_int, ()),
    "engine_new": (c_void_p, (POINTER(srtp.Srtp),)),
    "engine_free": (None, (c_void_p,)),
    "engine_ready_fd": (c_int, (c_void_p,)),
    "engine_take": (c_size_t, (c_void_p, POINTER(c_void_p), POINTER(c_uint64))),
    "connection_open": (c_void_p, (c_void_p, c_uint32, c_void_p, c_void_p, c_int)),
    "connection_close": (None, (c_void_p,)),
    "connection_id": (c_uint32, (c_void_p,)),
    "connection_add_socket": (c_int, (c_void_p, c_int)),
    "connection_route": (c_int, (c_void_p, c_int, c_int, c_char_p, c_uint16)),
    "connection_inject": (None, (c_void_p, c_char_p, c_size_t)),
    "connection_set_line": (c_int, (c_void_p, POINTER(LineSetup), POINTER(Extensions))),
    "connection_layer_name": (None, (c_void_p, c_uint16, c_uint8, c_char_p)),
    "connection_layer_packets": (c_uint64, (c_void_p, c_uint16, c_uint8)),
    "connection_drop_line": (None, (c_void_p, c_uint16)),
    "connection_set_sender": (c_int, (c_void_p, POINTER(SenderSetup), c_uint32)),
    "connection_drop_sender": (None, (c_void_p, c_uint16)),
    "connection_send_frame": (c_size_t, (c_void_p, c_uint16, c_char_p, c_size_t, c_uint32, c_uint8)),
    "connection_send": (c_int, (c_void_p, c_char_p, c_size_t)),
    "connection_pace": (None, (c_void_p, c_uint64, c_uint64)),
    "connection_holds": (c_int, (c_void_p,)),
    "connection_can_pad": (c_int, (c_void_p,)),
    "connection_probe": (None, (c_void_p, c_uint64, c_size_t)),
    "connection_set_rtt": (None, (c_void_p, c_int64)),
    "connection_take_reports": (c_size_t, (c_void_p, c_void_p, c_size_t)),
    "connection_take_sent": (c_size_t, (c_void_p, c_void_p, c_size_t)),
    "connection_count": (None, (c_void_p, POINTER(ConnectionCounters))),
    "connection_count_line": (c_int, (c_void_p, c_uint16, POINTER(LineCounters))),
    "connection_count_sender": (c_int, (c_void_p, c_uint16, POINTER(SenderCounters))),
}


def find() -> Path | None:
    """Return where the library lies: built beside this file, or installed as the package salon-rtp; None if nowhere."""
    wanted = os.environ.get(ENVIRONMENT, "")
    if wanted == "pure":
        return None
    places = [Path(wanted)] if wanted else [Path(__file__).with_name(NAME)]
    installed = None if wanted else importlib.util.find_spec(PACKAGE)
    if installed is not None and installed.origin is not None:
        places.append(Path(installed.origin).with_name(NAME))
    return next((place for place in places if place.is_file()), None)


def load() -> ctypes.CDLL | None:
    """Return the library; None, said once in the log, where the pure Python path must do."""
    path = find()
    return None if path is None and os.environ.get(ENVIRONMENT) == "pure" else _load(path)


@functools.cache
def _load(path: Path | None) -> ctypes.CDLL | None:
    if path is None:
        logger.info("media packets are handled in Python: there is no %s (make native, or the wheel salon-rtp)", NAME)
        return None
    try:
        library = ctypes.CDLL(str(path))
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        version = library.engine_version()
    except (OSError, AttributeError) as err:
        logger.warning("media packets are handled in Python: %s cannot be used: %s", path, err)
        return None
    if version != VERSION:
        logger.warning("media packets are handled in Python: %s is of version %d, not %d", path, version, VERSION)
        return None
    if unlike := srtp.strange():
        logger.warning("media packets are handled in Python: this pylibsrtp has another %s", ", ".join(unlike))
        return None
    return library
