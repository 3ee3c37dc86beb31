"""A room's messages, made by hand for tests of the console: the protocol's own encoders, no network."""

from dataclasses import dataclass, field

from appliance.telemetry.protocol.codec import encode
from appliance.telemetry.protocol.payloads import CallPhase, ClockSync, Health, Info, Stamp, State
from appliance.telemetry.protocol.records import (
    BatchHead,
    Content,
    Sample,
    encode_batch,
    encode_content,
    kind_of,
)
from appliance.telemetry.protocol.topics import Topics
from fleet.ingest.inbox import Letter

NOON = 1_795_435_200_000
"""A moment; milliseconds since 1970."""
IDLE = Sample(30, CallPhase.IDLE, cpu=0.25)


@dataclass
class Voice:
    """One boot of one room."""

    room: str = "room-1"
    boot: str = "boot-1"
    no: int = 1_795_000_000
    at: int = NOON
    seq: int = 0
    ahead_ms: int = 0
    """By how much its clock is ahead."""
    org: str = "home"
    topics: Topics = field(init=False)

    def __post_init__(self) -> None:
        self.topics = Topics(self.org, self.room)

    def stamp(self, **changed) -> Stamp:
        self.seq += 1
        return Stamp(
            **{
                "v": 1,
                "boot": self.boot,
                "seq": self.seq,
                "ts": self.at + self.ahead_ms,
                "mono": self.at - NOON + 10_000_000,
                "sync": ClockSync.YES,
                **changed,
            }
        )

    def letter(self, topic: str, payload: bytes, *, retained: bool = False) -> Letter:
        return Letter(topic, payload, retained, self.at)

    def state(self, *, online: bool = True, bd: int = 1, retained: bool = False, **known) -> Letter:
        return self.letter(self.topics.state, encode(self.stamp(), State(online, bd, **known)), retained=retained)

    def info(self, name: str = "Blue room", sw: str = "0.2.0") -> Letter:
        return self.letter(self.topics.info, encode(self.stamp(), Info(name, sw)))

    def health(self, phase: CallPhase = CallPhase.IDLE, **known) -> Letter:
        return self.letter(self.topics.health, encode(self.stamp(), Health(phase, **known)))

    def batch(self, first: int, *contents: Content, last: int = 0, of: "Voice | None" = None, **frame) -> Letter:
        """A batch of records numbered from `first`; `frame` is what all of them say of their time."""
        spoken = of or self
        when = {"ts": self.at + self.ahead_ms, "mono": self.at - NOON + 10_000_000, "sync": "yes", **frame}
        records = tuple(
            (n, when["ts"], when["mono"], when["sync"], kind_of(content), encode_content(content))
            for n, content in enumerate(contents, first)
        )
        head = BatchHead(spoken.boot, spoken.no, first, last or first + len(contents) - 1)
        return self.letter(self.topics.batch, encode_batch(self.stamp(), head, records))
