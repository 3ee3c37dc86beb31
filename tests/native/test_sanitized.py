"""The native engine's C, compiled with sanitizers: its pure parts by themselves, and the whole under load."""

import subprocess
from pathlib import Path

import pytest

from appliance.media.rtc.native.build import SOURCES, STRICT, compile_c

HERE = Path(__file__).parent
_CHECKED = (*STRICT, "-g", "-O1", "-pthread", f"-I{SOURCES}")


def run(source: str, folder: Path, sanitizer: str) -> str:
    program = folder / "program"
    flags = (*_CHECKED, f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all")
    compile_c((HERE / source, *sorted(SOURCES.glob("*.c"))), program, flags)
    done = subprocess.run([program], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_queue_pacer_reports_and_logs_keep_their_promises(tmp_path):
    run("parts.c", tmp_path, "address,undefined")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_frames_come_through_whole_while_connections_come_and_go(tmp_path, sanitizer):
    assert "frames" in run("engine_stress.c", tmp_path, sanitizer)
