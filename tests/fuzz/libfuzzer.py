"""Fuzzes native code with clang's libFuzzer: `python tests/fuzz/libfuzzer.py connection SECONDS`, then `... merge`.

Needs Debian's clang and libclang-rt-14-dev; CLANG= names another compiler, with options. Finds go to /tmp/fuzz-...;
merge takes the few that reach code the corpus does not.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from targets import FLAGS, TARGETS, Target


def build(target: Target, program: Path) -> None:
    """Compile with coverage feedback and the sanitizers."""
    flags = ("-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all", *FLAGS)
    compiler = shlex.split(os.environ.get("CLANG", "clang"))
    subprocess.run([*compiler, *flags, "-o", program, *target.sources], check=True)


def main(name: str, word: str) -> None:
    """Run for so many seconds, or merge."""
    target, finds = TARGETS[name], Path(f"/tmp/fuzz-{name}")
    finds.mkdir(exist_ok=True)
    program = finds.with_suffix(".program")
    build(target, program)
    if word == "merge":
        subprocess.run([program, "-merge=1", "-use_counters=0", target.corpus, finds], check=True)
    else:
        artifacts = f"-artifact_prefix={target.corpus}/"
        options = [f"-max_total_time={word}", "-max_len=4096", artifacts, "-print_final_stats=1"]
        # a large quarantine of freed memory costs most of the speed
        environment = {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=4"}
        subprocess.run([program, *options, finds, target.corpus], check=True, env=environment)


if __name__ == "__main__":
    main(*sys.argv[1:])
