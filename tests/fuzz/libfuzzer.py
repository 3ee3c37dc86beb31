"""Fuzzes the packet core with clang's libFuzzer: `python tests/fuzz/libfuzzer.py SECONDS`, then `... merge`.

Needs Debian's clang and libclang-rt-14-dev; CLANG= names another compiler, with options. Finds go to /tmp/packet-core;
merge takes the few that reach code the corpus does not.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from packet_core import CORPUS, ENTRY, core_flags, core_sources

FINDS = Path("/tmp/packet-core")


def build() -> Path:
    """Compile with coverage feedback and the sanitizers."""
    program = FINDS.with_suffix(".fuzz")
    flags = ("-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all", *core_flags())
    compiler = shlex.split(os.environ.get("CLANG", "clang"))
    subprocess.run([*compiler, *flags, "-o", program, ENTRY, *core_sources()], check=True)
    return program


def main(word: str) -> None:
    """Run for so many seconds, or merge."""
    FINDS.mkdir(exist_ok=True)
    program = build()
    if word == "merge":
        subprocess.run([program, "-merge=1", "-use_counters=0", CORPUS, FINDS], check=True)
    else:
        options = [f"-max_total_time={word}", "-max_len=4096", f"-artifact_prefix={CORPUS}/", "-print_final_stats=1"]
        # a large quarantine of freed memory costs most of the speed
        environment = {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=4"}
        subprocess.run([program, *options, FINDS, CORPUS], check=True, env=environment)


if __name__ == "__main__":
    main(sys.argv[1])
