"""Makes librtp.so, the native RTP core, out of the C beside this file: `python -m appliance.media.rtc.native.build`."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance.errors import SalonError

SOURCES = Path(__file__).parent
NAME = "librtp.so"
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")
# our own names mean our own functions, whatever else the process has loaded: readline has a history_get as well
_FLAGS = (*STRICT, "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wl,-Bsymbolic", "-pthread")


class NoCompiler(SalonError):
    """There is nothing here that turns C into a library."""


def build(folder: Path = SOURCES) -> Path:
    """Compile the library into a folder; return its path."""
    library = folder / NAME
    compile_c((*sorted(SOURCES.glob("*.c")), "-ldl"), library, _FLAGS)
    return library


def compile_c(inputs: Sequence[Path | str], output: Path, flags: Sequence[str]) -> None:
    """Compile and link; the output is replaced in one step, because a program may have the old one loaded."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler("the native RTP core needs a C compiler: apt install gcc libc6-dev")
    fresh = output.with_suffix(".new")
    subprocess.run([compiler, *flags, "-o", str(fresh), *map(str, inputs)], check=True)
    fresh.replace(output)


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{build(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCES)}\n")
    except NoCompiler as err:
        sys.exit(str(err))
