"""Where the native engine's library comes from, and when it is refused."""

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import zipfile
from ctypes import Structure
from pathlib import Path

import pytest

from appliance.doctor import examine
from appliance.media.rtc.native import library, srtp
from appliance.media.rtc.native.engine import _EVENT, is_media
from appliance.media.rtc.native.wheel import make_wheel
from appliance.settings import load as load_settings


def test_another_srtp_library_is_refused_in_words(librtp, monkeypatch, caplog):
    monkeypatch.setitem(srtp.TYPES, "srtp_protect", "int(*)(void *, const void *, size_t)")
    monkeypatch.setenv("SALON_RTP", str(librtp))
    library._load.cache_clear()
    assert library.load() is None
    assert "another srtp_protect" in caplog.text
    library._load.cache_clear()


def test_what_both_sides_say_to_each_other_changes_with_the_version_only():
    """A library of the same version that means something else by a call would crash the process."""
    structures = [each for each in vars(library).values() if isinstance(each, type) and issubclass(each, Structure)]
    fields = [(each.__name__, [(name, kind.__name__) for name, kind in each._fields_]) for each in structures]
    spoken = repr((sorted(library._FUNCTIONS.items()), fields, srtp.TYPES, _EVENT.format))
    spoken = re.sub(r"<class '(?:[\w.]+\.)?(\w+)'>", r"\1", spoken)
    assert (library.VERSION, hashlib.sha256(spoken.encode()).hexdigest()[:8]) == (3, "e0595345")


def test_without_the_library_python_does_it_and_says_so(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("SALON_RTP", str(tmp_path / "none.so"))
    library._load.cache_clear()
    with caplog.at_level(logging.INFO):
        assert library.load() is None
        assert library.load() is None
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "handled in Python" in caplog.text


def test_make_goes_on_without_a_compiler_and_says_so(tmp_path):
    """What `make demo` does before it begins, on a machine where no command is found."""
    root = Path(library.__file__).parents[4]
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    folders = [f"BIN={python.parent}", f"NATIVE={tmp_path}"]
    done = subprocess.run(
        [shutil.which("make"), "native", *folders],
        cwd=root,
        env={"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "media packets are handled in Python then" in done.stdout
    assert "apt install gcc" in done.stderr
    demo = next(line for line in (root / "Makefile").read_text().splitlines() if line.startswith("demo:"))
    assert "native" in demo.partition("##")[0].split()


def test_a_library_that_is_none_is_refused_in_words(monkeypatch, tmp_path, caplog):
    (tmp_path / "librtp.so").write_bytes(b"not a library")
    monkeypatch.setenv("SALON_RTP", str(tmp_path / "librtp.so"))
    assert library.load() is None
    assert "cannot be used" in caplog.text


def test_a_library_of_another_version_is_refused_in_words(librtp, monkeypatch, caplog):
    monkeypatch.setattr(library, "VERSION", -1)
    monkeypatch.setenv("SALON_RTP", str(librtp))
    library._load.cache_clear()
    assert library.load() is None
    assert "version" in caplog.text
    library._load.cache_clear()


def test_the_wheel_brings_the_library_where_none_was_built(monkeypatch, tmp_path):
    wheel = make_wheel(tmp_path / "dist")
    assert re.fullmatch(r"salon_rtp-[0-9.]+-py3-none-linux_\w+\.whl", wheel.name)
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
    monkeypatch.setattr(library, "__file__", str(tmp_path / "library.py"))
    monkeypatch.delenv("SALON_RTP", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert library.find() == tmp_path / "site" / "salon_rtp" / "librtp.so"
    assert library.load() is not None


@pytest.mark.parametrize(("built", "level"), [(True, "ok"), (False, "note")])
def test_the_doctor_says_who_handles_the_packets(monkeypatch, librtp, built, level):
    monkeypatch.setenv("SALON_RTP", str(librtp) if built else "pure")
    finding = next(f for f in examine(load_settings()) if "media engine" in f.what or "media packets" in f.what)
    assert finding.level == level
    assert bool(finding.remedy) is not built


@pytest.mark.parametrize(("datagram", "media"), [(b"", False), (b"\x00\x01", False), (b"\x16", False), (b"\x80", True)])
def test_an_empty_datagram_is_no_media(datagram, media):
    assert is_media(datagram) is media
