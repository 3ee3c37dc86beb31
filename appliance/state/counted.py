"""Numbers of things as people say them: 1 entry, 3 entries."""


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun; `many` where that is not `one` with an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
