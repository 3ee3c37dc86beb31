"""Hostile packets into the native engine, under the sanitizers: what is in the corpora, and new mutations of it.

For a longer run with clang: `python tests/fuzz/libfuzzer.py connection 600`.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from seeds_connection import seeds as connection_seeds
from seeds_packet_core import seeds as packet_core_seeds
from targets import CONNECTION, FLAGS, HERE, PACKET_CORE, TARGETS

from appliance.media.rtc.native.build import compile_c

SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def run(program: Path, corpus: Path, iterations: int) -> "subprocess.CompletedProcess[str]":
    command = [program, corpus, str(iterations), "1"]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.timeout(300)  # in which many may share that core
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_hostile_packets_break_nothing(target, tmp_path):
    program = tmp_path / "fuzz"
    compile_c([*target.sources, HERE / "driver.c"], program, (*SANITIZERS, *FLAGS))
    done = run(program, target.corpus, target.iterations)
    assert done.returncode == 0, f"{done.stderr}\n(commit the saved input together with the mend)"
    assert f"{len(list(target.corpus.iterdir()))} files" in done.stdout


@pytest.mark.parametrize(("target", "seeds"), [(PACKET_CORE, packet_core_seeds), (CONNECTION, connection_seeds)])
def test_the_corpus_holds_what_its_script_writes(target, seeds):
    assert {name: (target.corpus / name).read_bytes() for name in seeds()} == seeds()


def test_what_breaks_is_saved_and_breaks_again(tmp_path):
    (corpus := tmp_path / "corpus").mkdir()
    shutil.copy(PACKET_CORE.corpus / "vp8-clean", corpus)
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
