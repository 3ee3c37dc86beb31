"""Packs librtp.so as a wheel of its own, salon-rtp: `python -m appliance.media.rtc.native.wheel FOLDER`.

It holds no Python extension, so one wheel fits every Python 3 on the same kind of machine; a machine without a compiler
installs it beside Salon.
"""

import base64
import hashlib
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

from appliance.media.rtc.native.build import NoCompiler, build
from appliance.media.rtc.native.library import NAME, PACKAGE, VERSION

_RELEASE = f"{VERSION}.0"
_INFO = f"{PACKAGE}-{_RELEASE}.dist-info"


def make_wheel(folder: Path) -> Path:
    """Build the library and pack it; return the wheel's path."""
    tag = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
    with tempfile.TemporaryDirectory() as place:
        library = build(Path(place)).read_bytes()
    files = {
        f"{PACKAGE}/__init__.py": b'"""Salon\'s native media engine, librtp.so."""\n',
        f"{PACKAGE}/{NAME}": library,
        f"{_INFO}/METADATA": f"Metadata-Version: 2.1\nName: salon-rtp\nVersion: {_RELEASE}\n".encode(),
        f"{_INFO}/WHEEL": f"Wheel-Version: 1.0\nGenerator: salon\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
    }
    record = "".join(f"{name},{_hash(data)},{len(data)}\n" for name, data in files.items())
    files[f"{_INFO}/RECORD"] = f"{record}{_INFO}/RECORD,,\n".encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{PACKAGE}-{_RELEASE}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return wheel


def _hash(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{make_wheel(Path(sys.argv[1] if len(sys.argv) > 1 else 'dist'))}\n")
    except NoCompiler as err:
        sys.exit(str(err))
