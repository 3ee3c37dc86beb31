"""Ranges hold exactly the numbers that were put in, as little text."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.ranges import Ranges

STRETCHES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 12)))


@given(STRETCHES)
def test_what_was_put_in_is_in_and_nothing_else(stretches):
    ranges, numbers = Ranges(), set()
    for first, length in stretches:
        ranges = ranges.with_stretch(first, first + length)
        numbers |= set(range(first, first + length + 1))
    assert {number for number in range(80) if number in ranges} == numbers
    assert Ranges.read(str(ranges)) == ranges
    gaps = [after[0] - before[1] for before, after in zip(ranges.stretches, ranges.stretches[1:], strict=False)]
    assert all(gap > 1 for gap in gaps)


def test_it_reads_as_people_would_write_it():
    assert str(Ranges().with_stretch(1, 400).with_stretch(500, 812).with_stretch(401, 401)) == "1-401,500-812"
    assert str(Ranges()) == ""
