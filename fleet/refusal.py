"""Why a room's message is not taken: the ingest counts it, `/metrics` and the pages tell of it."""

from enum import StrEnum


class Refusal(StrEnum):
    """Why a message is not taken; counted each."""

    NO_ROOM = "no room's topic"
    TOO_LARGE = "too large"
    MALFORMED = "not JSON within the limits"
    WRONG_SHAPE = "wrong types"
    NEXT_VERSION = "of a kind not known yet"
    RETIRED = "of a retired room"
    TOO_MANY_ROOMS = "of one room too many"
    SCATTERED = "of numbers with too many gaps"
    UNFIT = "not storable"
