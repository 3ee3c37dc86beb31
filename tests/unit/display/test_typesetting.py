import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from display.fonts.coverage import read_coverage
from display.fonts.library import Face, Library, Weight
from display.text import Style, Typesetter

STYLE = Style(32, Weight.MEDIUM)
BARE = Typesetter(Library(roots=()))


def ink(line, typesetter=BARE):
    image = Image.new("RGB", (1200, 120))
    typesetter.draw(image, (20, 70), line, (255, 255, 255))
    return image.getbbox()


def test_text_that_fits_is_left_alone():
    line = BARE.line("Amara Okafor", STYLE, 600)
    assert [run.text for run in line.runs] == ["Amara Okafor"]
    assert line.width <= 600


def test_text_that_does_not_fit_ends_in_an_ellipsis():
    line = BARE.line("An extraordinarily long name that nobody can have", STYLE, 200)
    assert line.width <= 200
    assert line.runs[-1].text.endswith("…")


def test_no_room_at_all_leaves_an_ellipsis():
    assert "".join(run.text for run in BARE.line("Name", STYLE, 1).runs) == "…"


def test_control_and_bidi_characters_are_never_drawn():
    line = BARE.line("eve\u202e\x1b[31m\u200b\nadams", STYLE)
    assert "".join(run.text for run in line.runs) == "eve[31m adams"


def test_a_character_without_any_font_is_a_visible_box():
    line = BARE.line("王", STYLE)
    assert line.runs[0].face is None
    left, top, right, bottom = ink(line)
    assert right - left > 10
    assert bottom - top > 10


def test_each_emoji_sequence_is_one_box():
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f466"
    line = BARE.line(family, STYLE)
    assert line.width == pytest.approx(BARE.line("王", STYLE).width)


def test_tabular_digits_are_equally_wide():
    style = Style(80, Weight.SEMIBOLD, tabular=True)
    widths = {round(BARE.line(text, style).width) for text in ("0:11", "0:48")}
    assert len(widths) == 1


def test_wrapping_cuts_the_last_line_only():
    lines = BARE.wrap("one two three four five six seven eight nine ten", STYLE, 220, 3)
    texts = ["".join(run.text for run in line.runs) for line in lines]
    assert len(texts) == 3
    assert texts[-1].endswith("…")
    assert not any(text.endswith("…") for text in texts[:-1])
    assert all(line.width <= 220 for line in lines)


def test_one_endless_word_is_cut_rather_than_hung_over_the_edge():
    for line in BARE.wrap("W" * 300, STYLE, 220, 3):
        assert line.width <= 220


def test_a_font_of_the_system_steps_in_where_inter_has_no_letter(tmp_path):
    own = Library(roots=()).own(Weight.BOLD)
    (tmp_path / "NotoSans-Regular.otf").write_bytes(own.path.read_bytes())
    library = Library(roots=(tmp_path,))
    assert library.substitute("é") == Face(tmp_path / "NotoSans-Regular.otf")
    assert library.substitute("王") is None


def test_broken_fonts_are_passed_over(tmp_path):
    good = Library(roots=()).own(Weight.BOLD).path.read_bytes()
    (tmp_path / "a-sans.ttf").write_bytes(b"not a font")
    (tmp_path / "b-sans.ttf").write_bytes(good[:3000])
    (tmp_path / "c-sans.ttc").write_bytes(b"ttcf" + struct.pack(">HHII", 1, 0, 1, 2**31))
    (tmp_path / "d-sans.ttf").mkdir()
    (tmp_path / "e-sans.otf").write_bytes(good)
    assert Library(roots=(tmp_path,)).substitute("é") == Face(tmp_path / "e-sans.otf")


def test_coverage_says_what_a_font_has():
    coverage = read_coverage(Library(roots=()).own(Weight.REGULAR).path)
    assert all(char in coverage for char in "aZ9é…–“”·Ωж")
    assert not any(char in coverage for char in "王א\U0001f680")
    assert "a" not in read_coverage(Path("/nonexistent.otf"))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.integers(1, 500))
def test_no_text_breaks_the_typesetter_or_its_width(text, width):
    line = BARE.line(text, STYLE, width)
    assert line.width <= max(width, BARE.line("…", STYLE).width)
    ink(line)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="abc אבג ابت 王明 1🚀👩‍🚀,.!", max_size=30))
def test_mixed_scripts_are_drawn_with_whatever_this_machine_has(text):
    typesetter = MACHINE
    line = typesetter.line(text, STYLE, 400)
    assert line.width <= 400
    ink(line, typesetter)


MACHINE = Typesetter()
