"""Our V4L2 against the kernel's: a C program compiled with Debian's <linux/videodev2.h> says what is right."""

import ctypes
import re
import subprocess
from collections.abc import Iterator

import pytest

from hardware.camera import videodev2

STRUCTURES = {
    # `QueryExtCtrl` is `struct v4l2_query_ext_ctrl`
    "struct v4l2_" + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): one
    for name, one in vars(videodev2).items()
    if isinstance(one, type) and issubclass(one, ctypes.Structure) and one is not ctypes.Structure
}
STRUCTURES["struct timeval"] = STRUCTURES.pop("struct v4l2_timeval")
OURS_ALONE = "aligned"
"""Stands for the pointers of a structure we do not have."""
NUMBERS = {name: value for name, value in vars(videodev2).items() if name.startswith(("V4L2_", "VIDIOC_"))}
REQUESTS = {
    "VIDIOC_QUERYCAP": 0x80685600,
    "VIDIOC_ENUM_FMT": 0xC0405602,
    "VIDIOC_S_FMT": 0xC0D05605,
    "VIDIOC_REQBUFS": 0xC0145608,
    "VIDIOC_QUERYBUF": 0xC0585609,
    "VIDIOC_QBUF": 0xC058560F,
    "VIDIOC_DQBUF": 0xC0585611,
    "VIDIOC_STREAMON": 0x40045612,
    "VIDIOC_STREAMOFF": 0x40045613,
    "VIDIOC_S_PARM": 0xC0CC5616,
    "VIDIOC_ENUMINPUT": 0xC050561A,
    "VIDIOC_G_CTRL": 0xC008561B,
    "VIDIOC_S_CTRL": 0xC008561C,
    "VIDIOC_QUERYMENU": 0xC02C5625,
    "VIDIOC_G_INPUT": 0x80045626,
    "VIDIOC_ENUM_FRAMESIZES": 0xC02C564A,
    "VIDIOC_ENUM_FRAMEINTERVALS": 0xC034564B,
    "VIDIOC_QUERY_EXT_CTRL": 0xC0E85667,
}
"""With the sizes of the structures in them, so that another machine than this one cannot have others unseen."""


def members(kind, offset=0, prefix="") -> Iterator[tuple[str, int, type]]:
    """Yield the name in C, the offset and the type of what a structure has, and what its unions have."""
    for name, inner in kind._fields_:
        at = offset + getattr(kind, name).offset
        anonymous = name in getattr(kind, "_anonymous_", ())
        if not anonymous and name != OURS_ALONE:
            yield prefix + name, at, inner
        if issubclass(inner, ctypes.Union):
            yield from members(inner, at, prefix if anonymous else f"{prefix}{name}.")


def layout(struct: str, kind) -> dict[str, int]:
    """Return our answers to questions in C about a structure."""
    ours = {f"sizeof({struct})": ctypes.sizeof(kind), f"_Alignof({struct})": ctypes.alignment(kind)}
    for name, offset, inner in members(kind):
        there = f"(({struct} *)0)->{name}"
        ours[f"offsetof({struct}, {name})"] = offset
        ours[f"sizeof({there})"] = ctypes.sizeof(inner)
        if isinstance(getattr(inner(), "value", None), int):
            ours[f"(__typeof__({there}))-1 < 0"] = inner(-1).value < 0
    return ours


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """Return the kernel's answers to the same questions."""
    questions = [question for struct, kind in STRUCTURES.items() for question in layout(struct, kind)]
    questions += NUMBERS
    lines = "\n".join(f'printf("%llu\\n", (unsigned long long)({question}));' for question in questions)
    folder = tmp_path_factory.mktemp("videodev2")
    (folder / "ask.c").write_text(
        f"#include <stddef.h>\n#include <stdio.h>\n#include <sys/time.h>\n#include <linux/videodev2.h>\n"
        f"int main(void) {{\n{lines}\nreturn 0;\n}}\n"
    )
    subprocess.run(["gcc", "-std=gnu11", "-o", "ask", "ask.c"], cwd=folder, check=True, timeout=50)
    told = subprocess.run([folder / "ask"], check=True, capture_output=True, text=True, timeout=10).stdout
    return dict(zip(questions, map(int, told.split()), strict=True))


@pytest.mark.parametrize("struct", STRUCTURES)
def test_a_structure_lies_in_memory_as_the_kernels_does(struct, kernels):
    ours = layout(struct, STRUCTURES[struct])
    assert ours == {question: kernels[question] for question in ours}


def test_requests_and_constants_are_the_kernels(kernels):
    assert {name: kernels[name] for name in NUMBERS} == NUMBERS


def test_requests_are_those_of_every_64_bit_machine():
    assert {name: value for name, value in NUMBERS.items() if name.startswith("VIDIOC_")} == REQUESTS


def test_a_whole_name_fits_and_one_without_an_end_ends_with_its_field():
    entry = videodev2.Querymenu.from_buffer_copy(bytes(8) + b"n" * 32 + b"\xff" * 4)
    assert entry.name == b"n" * 32
