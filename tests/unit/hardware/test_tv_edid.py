"""What real screens say of themselves, read by us and by edid-decode, and what no screen should say."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.tv.edid import BLOCK, Edid, Mode, parse

EDIDS = sorted((Path(__file__).parent / "edids").glob("*.bin"))
LG = (Path(__file__).parent / "edids" / "lg-c8-hdmi.bin").read_bytes()


def said(text, pattern):
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1).strip() if found else ""


def second_opinion(path):
    """Ask edid-decode, which neither shares code with us nor hides what is broken."""
    done = subprocess.run(["edid-decode", path], capture_output=True, text=True, timeout=20, check=False)
    text = done.stdout.partition("----------------")[2]
    assert "Block 0, Base EDID" in text, done.stderr
    return text


def wrong_sums(edid):
    return len([fault for fault in edid.faults if "checksum" in fault])


def wrong_sums_in(text):
    return len(re.findall(r"Checksum: 0x\w\w \(should be", text))


@pytest.mark.parametrize("path", EDIDS, ids=lambda path: path.stem)
def test_edid_decode_reads_the_same_from_a_real_screen(path):
    whole, edid = second_opinion(path), parse(path.read_bytes())
    text = whole.partition("----------------")[0]
    assert edid.manufacturer == said(text, r"^    Manufacturer: (\S+)")
    assert edid.product == int(said(text, r"^    Model: (\d+)"))
    assert edid.serial_number == int(said(text, r"^    Serial Number: (\d+)") or "0")
    assert edid.name == said(text, r"^    Display Product Name: '(.*)'")
    assert edid.serial == said(text, r"^    Display Product Serial Number: '(.*)'")
    assert f"{edid.width_mm // 10} cm x {edid.height_mm // 10} cm" == (
        said(text, r"Maximum image size: (\d+ cm x \d+ cm)") or "0 cm x 0 cm"
    )
    assert edid.audio == ("Basic audio support" in whole or "Audio Data Block" in whole)
    assert edid.physical_address == said(whole, r"Source physical address: (\S+)")
    assert wrong_sums(edid) == wrong_sums_in(whole) == 0
    if edid.preferred is not None:
        mode = f"{edid.preferred.width}x{edid.preferred.height}{'i' * edid.preferred.interlaced}"
        assert mode == said(text, r"^    DTD +1: +(\S+)")
        assert edid.preferred.rate_hz == pytest.approx(float(said(text, r"^    DTD +1: +\S+ +(\S+) Hz")), abs=0.01)


@pytest.mark.parametrize("places", [(9,), (200,), (9, 200)])
def test_edid_decode_finds_the_same_blocks_spoiled(places, tmp_path):
    spoiled = bytearray(LG)
    for place in places:
        spoiled[place] ^= 1
    path = tmp_path / "spoiled.bin"
    path.write_bytes(spoiled)
    assert wrong_sums(parse(bytes(spoiled))) == wrong_sums_in(second_opinion(path)) == len(places)


def test_the_real_screens_differ_in_what_matters():
    edids = [parse(path.read_bytes()) for path in EDIDS]
    assert {"GSM", "SAM", "SNY"} < {edid.manufacturer for edid in edids}
    assert {True, False} == {edid.audio for edid in edids}
    assert {"", "1.0.0.0", "3.0.0.0"} < {edid.physical_address for edid in edids}
    assert len({edid.id for edid in edids}) > len(edids) // 2


def test_a_tv_is_known_by_name_and_by_where_its_cable_goes():
    edid = parse(LG)
    assert (edid.manufacturer, edid.name, edid.physical_address) == ("GSM", "LG TV", "1.0.0.0")
    assert edid.preferred == Mode(3840, 2160, 60.0)
    assert str(edid.preferred) == "3840x2160 60.00 Hz"
    assert edid.id.startswith("edid:GSM:")
    assert not edid.faults


def test_nothing_read_is_nothing_known():
    assert parse(b"") == Edid(faults=("it is empty",))
    assert not parse(b"").known
    assert parse(b"").id == ""


def test_a_flipped_bit_is_told_and_the_rest_is_read():
    spoiled = bytearray(LG)
    spoiled[120] ^= 1
    edid = parse(bytes(spoiled))
    assert edid.faults == ("block 0 has a wrong checksum",)
    assert edid.known


def test_a_torn_off_extension_is_told():
    edid = parse(LG[: BLOCK + 10])
    assert "block 1 has 10 of 128 bytes" in edid.faults
    assert edid.name == "LG TV"
    assert parse(LG[:BLOCK]).faults == ("it promises 2 blocks and has 1",)


@pytest.mark.parametrize("length", [1, 8, 20, 60, 127])
def test_a_torn_base_block_gives_what_is_left(length):
    edid = parse(LG[:length])
    assert f"block 0 has {length} of 128 bytes" in edid.faults
    assert edid.manufacturer == ("GSM" if length >= 10 else "")


def test_what_is_no_edid_is_not_read_as_one():
    assert parse(b"\xff" * 256).faults[-1] == "it does not begin as an EDID does"
    assert not parse(b"\xff" * 256).known


def test_a_data_block_longer_than_its_extension_is_told():
    spoiled = bytearray(LG)
    spoiled[BLOCK + 4] |= 31
    spoiled[BLOCK + 2] = 8
    assert "a data block runs out of its extension" in parse(bytes(spoiled)).faults


def test_more_than_the_format_allows_is_not_read():
    edid = parse(LG * 300)
    assert "it is longer than 32768 bytes" in edid.faults
    assert edid.name == "LG TV"


@given(st.binary(max_size=3 * BLOCK))
def test_random_bytes_are_read_without_a_fuss(data):
    edid = parse(data)
    assert edid.known or edid.faults


@given(st.data())
def test_a_spoiled_edid_never_says_what_could_harm_a_screen_or_a_file(data):
    spoiled = bytearray(data.draw(st.sampled_from(EDIDS)).read_bytes())
    for _ in range(data.draw(st.integers(1, 12))):
        spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    edid = parse(bytes(spoiled))
    assert edid.id.isascii()
    assert (edid.name + edid.serial + edid.id).isprintable()
    assert all(part in "0123456789abcdef." for part in edid.physical_address)
