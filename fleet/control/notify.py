"""Tells people: notices wait in the outbox until a channel has taken them, by e-mail, webhook, chat and what else
apprise knows. A channel's address is a secret: nothing here writes it anywhere.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from appliance.errors import SalonError
from fleet.control.lease import Lease
from fleet.store.database import Database, Row

logger = logging.getLogger(__name__)

GIVE_UP_MS = 24 * 3600 * 1000
_FIRST_RETRY_MS, _LONGEST_RETRY_MS = 30_000, 3600_000
_SEND_S = 60
_LOOK_S = 1.0
_AT_ONCE = 3
"""More than so many for one channel go as one message: a bad day is not a flood of mails."""
_MOST_IN_ONE = 10_000
_MOST_SPELT_OUT = 50
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://.+", re.DOTALL)
# On this very machine, for its desktop or its shell: nothing a server's web page should reach.
_LOCAL = frozenset({"syslog", "dbus", "qt", "glib", "kde", "gnome", "macosx", "windows", "file", "exec"})
# Files of this machine that a plug-in would read, and in part send away.
_FILES = frozenset({"template", "keyfile", "pgpkey"})
_TAKES_TEXT_AS_IT_IS = frozenset({"mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms"})
_DISARMED = {"<": "‹", ">": "›", "@": "@\u200b", "](": "]\u200b("}
"""What chats read as a command: Slack's `<!channel>` and `<link|words>`, others' `@everyone` and `[words](link)`."""
_ARMED = re.compile("|".join(map(re.escape, _DISARMED)))


class BadChannel(SalonError, ValueError):
    """A channel that cannot be used. The message never holds the address."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent."""

    title: str
    body: str


Post = Callable[[str, Letter], bool]
"""Hands a letter to an address and says whether it was taken. Blocks."""


def scheme_of(url: str) -> str:
    """Return what kind of address this is, or raise `BadChannel` where apprise cannot use it."""
    import apprise  # noqa: PLC0415 - half a second, and only who sends or sets up channels pays for it

    _quiet()
    match = _SCHEME.fullmatch(url.strip())
    if not match or match[1] in _LOCAL or _names_file(url) or not apprise.Apprise.instantiate(url.strip()):
        raise BadChannel(
            "This is no address a notice can go to; write one such as mailtos://USER:PASSWORD@HOST?to=NAME, "
            "json://HOST/PATH, slack://… or, for Teams, workflows://… (see the apprise documentation)."
        )
    return match[1]


def post(url: str, letter: Letter) -> bool:
    """Send by apprise."""
    import apprise  # noqa: PLC0415

    _quiet()
    # the plug-in itself: apprise's own pool of threads would outlive whoever gave up on them
    service = apprise.Apprise.instantiate(url.strip())
    if not service:
        return False
    # else lines would run into each other where a service takes HTML
    service.notify_format = apprise.NotifyFormat.TEXT
    letter = _disarmed(letter, url.strip().partition(":")[0])
    return bool(service.notify(body=letter.body, title=letter.title))


def _disarmed(letter: Letter, scheme: str) -> Letter:
    """Make commands of a chat plain words: a room chooses its name, and apprise leaves them in a body."""
    if scheme in _TAKES_TEXT_AS_IT_IS:
        return letter
    return Letter(*(_ARMED.sub(lambda found: _DISARMED[found[0]], text) for text in (letter.title, letter.body)))


def together(letters: Sequence[Letter]) -> Letter:
    """Make one letter of many."""
    if len(letters) == 1:
        return letters[0]
    parts = [f"{letter.title}\n{letter.body}" for letter in letters[:_MOST_SPELT_OUT]]
    if more := len(letters) - len(parts):
        parts.append(f"And {more} more: see the console's page of alerts.")
    return Letter(f"{len(letters)} notices: {letters[0].title} and others", "\n\n".join(parts))


def retry_ms(tries: int) -> int:
    """Return how long to wait after so many tries."""
    return int(min(_LONGEST_RETRY_MS, _FIRST_RETRY_MS * 2 ** min(tries - 1, 20)))


# who tries a channel before switching it on wants to see that notice
_WAITING = (
    "FROM outbox o JOIN channels c ON c.key = o.channel WHERE o.sent_at IS NULL AND o.given_up_at IS NULL "
    "AND (c.enabled OR o.alert IS NULL)"
)


@dataclass(frozen=True, slots=True)
class Outbox:
    """Sends what waits, to each channel in order. For the one process that has the lease."""

    database: Database
    lease: Lease
    post: Post = post

    async def run(self, now: Callable[[], int]) -> None:
        """Send until cancelled; a channel that is slow holds no other up."""
        busy: dict[int, asyncio.Task[int]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                busy = {channel: task for channel, task in busy.items() if not task.done()}
                for channel in await self._due(now()):
                    if channel not in busy:
                        busy[channel] = tasks.create_task(self._serve(channel, now), name=f"channel {channel}")
                await asyncio.sleep(_LOOK_S)

    async def send_due(self, now: Callable[[], int]) -> int:
        """Try everything that is due once, and return how many notices were taken."""
        return sum(await asyncio.gather(*(self._serve(channel, now) for channel in await self._due(now()))))

    async def _due(self, now: int) -> list[int]:
        rows = await self.database.fetch(
            f"SELECT DISTINCT o.channel AS channel {_WAITING} AND o.next_at <= $1 ORDER BY o.channel", now
        )
        return [row["channel"] for row in rows]

    async def _serve(self, channel: int, now: Callable[[], int]) -> int:
        """Send what waits for a channel, the oldest first: nobody hears of an end before the beginning."""
        rows = await self.database.fetch(
            "SELECT o.key AS key, o.title AS title, o.body AS body, o.tries AS tries, o.next_at AS next_at, "
            f"o.made_at AS made_at, c.url AS url, c.name AS name {_WAITING} AND o.channel = $1 "
            f"ORDER BY o.key LIMIT {_MOST_IN_ONE}",
            channel,
        )
        tried_at = max((row["next_at"] - retry_ms(row["tries"]) for row in rows if row["tries"]), default=0)
        if 0 <= now() - tried_at < _FIRST_RETRY_MS:
            return 0
        taken = 0
        for part in [rows] if len(rows) > _AT_ONCE else [[row] for row in rows]:
            if not await self._send(part, now):
                break
            taken += len(part)
        return taken

    async def _send(self, rows: Sequence[Row], now: Callable[[], int]) -> bool:
        """Send some as one letter. Marked as tried before: who dies in the middle tries again later, not at once."""
        async with self.database.transaction() as tx:
            await self.lease.check(tx, now())
            again = [(row["tries"] + 1, now() + retry_ms(row["tries"] + 1), row["key"]) for row in rows]
            await tx.many("UPDATE outbox SET tries = $1, next_at = $2 WHERE key = $3 AND sent_at IS NULL", again)
        letter = together([Letter(row["title"], row["body"]) for row in rows])
        trouble = await self._hand_over(rows[0]["url"], letter)
        if trouble:
            logger.warning("A notice could not be sent to %s: %s", rows[0]["name"], trouble)
        async with self.database.transaction() as tx:
            await tx.many(
                "UPDATE outbox SET sent_at = $1, given_up_at = $2, trouble = $3 WHERE key = $4",
                [(None if trouble else now(), _given_up(row, trouble, now()), trouble, row["key"]) for row in rows],
            )
        return not trouble

    async def _hand_over(self, url: str, letter: Letter) -> str:
        try:
            async with asyncio.timeout(_SEND_S):
                taken = await asyncio.to_thread(self.post, url, letter)
        except TimeoutError:
            return "The server does not answer."
        except Exception as err:  # noqa: BLE001 - one of a hundred plug-ins of apprise; its words may hold the address
            return f"It failed in a way nobody foresaw ({type(err).__name__})."
        return "" if taken else "It was not taken: check the channel's address, and that the server can be reached."


def _given_up(row: Row, trouble: str, now: int) -> int | None:
    return now if trouble and now - row["made_at"] >= GIVE_UP_MS else None


def _names_file(url: str) -> bool:
    pairs = parse_qsl(urlsplit(url.strip()).query)
    return any(name.lower() in _FILES and any(mark in value for mark in "/\\.~") for name, value in pairs)


def _quiet() -> None:
    # they log addresses: a chat's secret is a part of its path
    for name in ("apprise", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
