"""A head on a serial port that umockdev makes of a written-down conversation: each byte in its order, or no answer."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PORT = """P: /devices/platform/serial8250/tty/ttyS0
N: ttyS0
E: DEVNAME=/dev/ttyS0
E: SUBSYSTEM=tty
E: MAJOR=4
E: MINOR=64
A: dev=4:64

"""
# as in Sony's "VISCA Command/Acknowledge Protocol": addresses and clearing, then a camera that turns and zooms
CONVERSATION = [
    ("w", "88 30 01 ff"),
    ("w", "88 01 00 01 ff"),
    ("r", "88 30 02 ff"),
    ("r", "88 01 00 01 ff"),
    ("w", "81 09 04 00 ff"),
    ("r", "90 50 02 ff"),
    ("w", "81 01 06 02 0c 0a 00 04 06 0e 0f 0f 0b 05 ff"),
    ("r", "90 41 ff"),
    ("r", "90 51 ff"),
    ("w", "81 01 04 47 02 00 00 00 ff"),
    ("r", "90 41 ff"),
    ("r", "90 51 ff"),
    ("w", "81 09 06 12 ff"),
    ("r", "90 50 00 04 06 0e 0f 0f 0b 05 ff"),
    ("w", "81 09 04 47 ff"),
    ("r", "90 50 02 00 00 00 ff"),
]
PROGRAM = """
import time
from hardware.camera.aim import Aim
from hardware.camera.heads import head
with head("visca-serial:/dev/ttyS0?model=sony-evi-d70") as camera:
    camera.move(Aim(0.5, -0.1875, 0.5))
    time.sleep(1.0)
    print(camera.aim())
"""


def escaped(packet):
    """Return bytes as umockdev's scripts have them: those below a blank as ^ and a letter."""
    return b"".join(b"^" + bytes((byte + 64,)) if byte < 32 else bytes((byte,)) for byte in bytes.fromhex(packet))


def test_a_head_holds_the_conversation_of_the_published_list(tmp_path):
    lines = [f"{way} 0 ".encode() + escaped(packet) + b"\n" for way, packet in CONVERSATION]
    (tmp_path / "script").write_bytes(b"".join(lines))
    (tmp_path / "port.umockdev").write_text(PORT)
    script = f"/dev/ttyS0={tmp_path}/script"
    command = ["umockdev-run", "-d", f"{tmp_path}/port.umockdev", "-s", script, "--", sys.executable, "-c", PROGRAM]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Aim(pan=0.5"), ran.stdout + ran.stderr
    assert "tilt=-0.1875, zoom=0.5" in ran.stdout
