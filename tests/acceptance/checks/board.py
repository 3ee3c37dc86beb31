"""What every other result is a result of."""

from acceptance.check import Figures, check, demand
from acceptance.person import Person
from acceptance.room import Room


@check(
    "board",
    "Board, system, kernel and bootloader say what they are",
    do="Nothing to do: the board is asked.",
    passes="all four are known, and it is a Raspberry Pi or a PC with a name",
    uses=("machine",),
)
def identified(room: Room, _person: Person) -> Figures:
    board = room.machine.board()
    unknown = [what for what, said in board.items() if not said]
    demand(not unknown, f"unknown: {', '.join(unknown)}", board)
    return board
