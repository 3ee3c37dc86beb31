"""What somebody far away may ask of the room over MQTT, and the answers.

Only what is listed here can be asked, each call once, in time. There is no way to switch a microphone or camera on:
such commands are never built here, and the dispatcher refuses them from `Origin.REMOTE` as well.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from appliance.state.clean import clean_text
from appliance.state.commands import Ack, AckStatus, Command, JoinMeeting, Leave, Origin, SetMicMuted
from appliance.state.room import MeetingKey
from appliance.telemetry.protocol.codec import BadCall, BadPayload, decode_call
from appliance.telemetry.protocol.payloads import Answer, Call, CallAck

logger = logging.getLogger(__name__)

LONGEST_LIFE_S = 3600
"""A call may expire this far ahead at most, so that its id need not be remembered for ever."""
_ANSWER_WITHIN_S = 10
_ONLY_A_TOUCH = {
    "unmute": "Only a touch in the room can unmute its microphone.",
    "camera_on": "Only a touch in the room can switch its camera on.",
}
_INTERRUPTED = "The room was restarted before it could answer; look at its state."


class Rebirth:
    """Say everything again: state, info and health."""


_WITHOUT_ARGS: Mapping[str, Command | Rebirth] = {
    "join_next": JoinMeeting(),
    "leave": Leave(),
    "mute": SetMicMuted(muted=True),
    "rebirth": Rebirth(),
}
REMOTE_COMMANDS = ("join", *_WITHOUT_ARGS)


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answered call; one that is repeated before it expires gets the same answer again."""

    ack: CallAck
    expires: int


@dataclass(slots=True)
class Journal:
    """The answers to calls that have not expired yet, oldest first."""

    entries: dict[str, Remembered] = field(default_factory=dict)
    limit: int = 256

    def find(self, call_id: str) -> CallAck | None:
        known = self.entries.get(call_id)
        return known.ack if known else None

    def forget(self, now_ms: int) -> None:
        """Drop what is expired: such a call would be refused anyway."""
        self.entries = {name: entry for name, entry in self.entries.items() if entry.expires > now_ms}

    @property
    def full(self) -> bool:
        return len(self.entries) >= self.limit


@dataclass(slots=True, kw_only=True)
class CallDesk:
    """Takes calls one at a time, has them done, remembers the answers."""

    dispatch: Callable[[Command, Origin], Awaitable[Ack]]
    rebirth: Callable[[], None]
    now: Callable[[], datetime]
    keep: Callable[[Journal], Awaitable[None]]
    """Stores the journal, before and after each deed."""
    journal: Journal = field(default_factory=Journal)
    refused: int = 0

    async def take(
        self, payload: bytes, *, retained: bool = False, read: Callable[[bytes], Call] = decode_call
    ) -> CallAck | None:
        """Answer a message, whatever it is; None when there is nobody to answer to."""
        if retained:
            self._no_call("it was retained, and a call is only for now")
            return None
        try:
            call = read(payload)
        except BadCall as err:
            self._no_call(str(err))
            return CallAck(err.call_id, "", Answer.REFUSED, str(err))
        except BadPayload as err:
            self._no_call(str(err))
            return None
        return self.journal.find(call.id) or await self._first(call)

    def refuse_flood(self) -> None:
        """Count a call that came faster than calls can be answered."""
        self._no_call("too many calls at once")

    def _no_call(self, why: str) -> None:
        # a flood of nonsense must not flood the log
        level = logging.DEBUG if self.refused else logging.WARNING
        logger.log(level, "A call over MQTT was refused: %s", why)
        self.refused += 1

    async def _first(self, call: Call) -> CallAck:
        wanted = self._wanted(call)
        if isinstance(wanted, Ack):
            self.refused += 1
            return _answer(call, wanted)
        await self._remember(call, Ack.failed(_INTERRUPTED))
        return await self._remember(call, await self._do(wanted))

    def _wanted(self, call: Call) -> Command | Rebirth | Ack:
        now_ms = int(self.now().timestamp() * 1000)
        self.journal.forget(now_ms)
        if call.expires <= now_ms:
            return Ack.refused("The call had expired; check that both clocks are right and ask again.")
        if call.expires > now_ms + LONGEST_LIFE_S * 1000:
            return Ack.refused(f"expires is too far ahead; at most {LONGEST_LIFE_S} s.")
        if self.journal.full:
            return Ack.refused("Too many calls; ask again later.")
        return asked_for(call)

    async def _do(self, deed: Command | Rebirth) -> Ack:
        if isinstance(deed, Rebirth):
            self.rebirth()
            return Ack()
        logger.info("Asked over MQTT: %s", type(deed).__name__)
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                return await self.dispatch(deed, Origin.REMOTE)
        except TimeoutError:
            return Ack.failed(f"The room did not answer within {_ANSWER_WITHIN_S} s.")

    async def _remember(self, call: Call, ack: Ack) -> CallAck:
        answer = _answer(call, ack)
        self.journal.entries[call.id] = Remembered(answer, call.expires)
        await self.keep(self.journal)
        return answer


def asked_for(call: Call) -> Command | Rebirth | Ack:
    """Return what a call asks for, or the refusal."""
    args = dict(call.args)
    if call.cmd in _WITHOUT_ARGS:
        return Ack.refused(f"{call.cmd} takes no args.") if args else _WITHOUT_ARGS[call.cmd]
    if call.cmd == "join":
        key = args.pop("key", "")
        well = key and not args
        return JoinMeeting(MeetingKey(key)) if well else Ack.refused('join takes args {"key": "the meeting\'s key"}.')
    known = ", ".join(REMOTE_COMMANDS)
    return Ack.refused(_ONLY_A_TOUCH.get(call.cmd) or f"Unknown command {_shown(call.cmd)!r}; known: {known}.")


def _answer(call: Call, ack: Ack) -> CallAck:
    status = {AckStatus.OK: Answer.OK, AckStatus.REFUSED: Answer.REFUSED, AckStatus.FAILED: Answer.FAILED}[ack.status]
    return CallAck(call.id, _shown(call.cmd), status, clean_text(ack.reason, 200))


def _shown(cmd: str) -> str:
    return clean_text(cmd, 40)
