"""Hostile packets into the native core, under the sanitizers: what is in the corpus, and new mutations of it.

For a longer run with clang: `python tests/fuzz/libfuzzer.py 600`.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from packet_core import CORPUS, ENTRY, HERE, core_flags, core_sources

from appliance.media.rtc.native.build import compile_c

SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
ITERATIONS = 30_000
"""About five seconds of one core."""


def run(program: Path, corpus: Path, iterations: int) -> "subprocess.CompletedProcess[str]":
    command = [program, corpus, str(iterations), "1"]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.timeout(300)  # in which many may share that core
def test_hostile_packets_never_break_the_core(tmp_path):
    program = tmp_path / "fuzz"
    compile_c([ENTRY, HERE / "driver.c", *core_sources()], program, (*SANITIZERS, *core_flags()))
    done = run(program, CORPUS, ITERATIONS)
    assert done.returncode == 0, f"{done.stderr}\n(commit the saved input together with the mend)"
    assert f"{len(list(CORPUS.iterdir()))} files" in done.stdout


def test_what_breaks_is_saved_and_breaks_again(tmp_path):
    (corpus := tmp_path / "corpus").mkdir()
    shutil.copy(CORPUS / "vp8-clean", corpus)
    entry, program = tmp_path / "broken.c", tmp_path / "fuzz"
    entry.write_text(
        """
        #include <stddef.h>
        #include <stdint.h>
        int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
            volatile uint8_t table[0xDE] = {0};
            for (size_t i = 0; i < size; i++)
                if (data[i] == 0xDE)
                    table[data[i]] = 1;
            return 0;
        }
        """
    )
    compile_c([entry, HERE / "driver.c"], program, SANITIZERS)
    assert run(program, corpus, 500).returncode != 0
    assert [path.name[:6] for path in sorted(corpus.iterdir())] == ["crash-", "vp8-cl"]
    (corpus / "vp8-clean").unlink()
    assert run(program, corpus, 0).returncode != 0
