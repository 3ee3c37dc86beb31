"""libsrtp, the one inside pylibsrtp: the engine calls its functions, if they are what it takes them for."""

import ctypes
from ctypes import c_void_p

from pylibsrtp import _binding as libsrtp

_PACKET = "srtp_err_status_t(*)(struct srtp_ctx_t_ *, void *, int *)"
_STREAM = "srtp_err_status_t(*)(struct srtp_ctx_t_ *, unsigned int)"
TYPES = {
    "srtp_protect": _PACKET,
    "srtp_unprotect": _PACKET,
    "srtp_protect_rtcp": _PACKET,
    "srtp_unprotect_rtcp": _PACKET,
    "srtp_remove_stream": _STREAM,
}
"""As srtp.h has them, in the order of its structure."""


class Srtp(ctypes.Structure):
    """libsrtp's functions."""

    _fields_ = [(name.removeprefix("srtp_"), c_void_p) for name in TYPES]


def strange() -> list[str]:
    """Name the functions that are missing, or that a caller of another type would crash."""
    return [name for name, kind in TYPES.items() if _type_of(name) != kind]


def functions() -> Srtp:
    """Return where the functions are."""
    return Srtp(*(address_of(libsrtp.ffi.addressof(libsrtp.lib, name)) for name in TYPES))


def address_of(pointer: object) -> int:
    """Return where a pointer of libsrtp's binding points to."""
    return int(libsrtp.ffi.cast("uintptr_t", pointer))


def _type_of(name: str) -> str:
    function = getattr(libsrtp.lib, name, None)
    return "" if function is None else str(libsrtp.ffi.typeof(function).cname)
