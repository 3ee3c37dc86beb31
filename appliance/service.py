"""How long-running parts are kept alive and how a program talks to systemd."""

import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from appliance.errors import SalonError, StartAgain
from appliance.redact import without_secrets
from appliance.state.room import ServiceHealth

logger = logging.getLogger(__name__)
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_UNFORESEEN = "It failed in a way nobody foresaw, and is tried again. The log of salon daemon says how."
_FORMAT = "%(asctime)s %(levelname).1s %(name)s: %(message)s"
_TIME = "%H:%M:%S"


def utc_now() -> datetime:
    """Tell the time; the one clock that composition roots hand to their parts."""
    return datetime.now(UTC)


AGAIN = 75
"""What `run_program` returns for a program that wants to be started anew; `start_again` does it."""


def start_again() -> NoReturn:
    """Begin this program anew in the same process: no supervisor takes that for a crash."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this very program


async def supervised(
    name: str,
    run: Callable[[], Awaitable[None]],
    on_health: Callable[[ServiceHealth], None],
    *,
    well_s: float | None = _LONGEST_WAIT_S,
) -> None:
    """Keep an edge service running: when it fails, say so, wait (longer each time, with jitter), start it again.

    Edge services reach for things that may be away: a calendar, a broker. The room goes on without them. Everybody sees
    the reason, so it is a sentence of ours: what went wrong in a library is for the log. One that has run for `well_s`
    after that is told to be well again; None for a service that tells so itself.
    """
    wait = _FIRST_WAIT_S
    loop, failed = asyncio.get_running_loop(), False
    while True:
        started = loop.time()
        well = (
            loop.call_later(well_s, on_health, ServiceHealth(name, ok=True)) if failed and well_s is not None else None
        )
        try:
            await run()
            reason = "it stopped by itself"
        except SalonError as err:
            reason = without_secrets(str(err))
            logger.warning("%s: %s", name, reason)
        except Exception:  # noqa: BLE001 - an edge must never take the room down
            reason = _UNFORESEEN
            # not logger.exception: an address in the exception's text may hold a secret
            logger.error("%s failed\n%s", name, without_secrets(traceback.format_exc()))  # noqa: TRY400
        finally:
            if well is not None:
                well.cancel()
        failed = True
        on_health(ServiceHealth(name, ok=False, detail=reason))
        if loop.time() - started > _LONGEST_WAIT_S:
            wait = _FIRST_WAIT_S
        await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
        wait = min(wait * 2, _LONGEST_WAIT_S)


def notify(message: str) -> None:
    """Tell systemd (sd_notify(3)); nothing happens outside of it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.connect(path)
        out.sendall(message.encode())


async def watchdog(well: Callable[[], bool] = lambda: True) -> None:
    """Show systemd twice a period that the event loop lives, while all is `well`; ends where no watchdog is set."""
    period_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    while period_s:
        if well():
            notify("WATCHDOG=1")
        await asyncio.sleep(period_s / 2)


@contextlib.contextmanager
def ends_on_signal() -> Iterator[None]:
    """Let SIGTERM and SIGINT cancel the task that runs this, so that every `async with` closes in order."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - always inside a task
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def run_program(main: Callable[[], Awaitable[None]]) -> int:
    """Run a program until a signal ends it; a `SalonError` is told in one line, not as a traceback."""
    again = 1

    async def until_signal() -> int:
        with ends_on_signal():
            try:
                await main()
            except asyncio.CancelledError:
                return 0
        return 0

    try:
        return asyncio.run(until_signal())
    except* StartAgain as group:
        for why in dict.fromkeys(str(err) for err in leaves(group)):
            logger.info("starting anew: %s", why)
        again = AGAIN
    except* SalonError as group:
        for line in dict.fromkeys(str(err) for err in leaves(group)):
            print(f"salon: {line}", file=sys.stderr)  # noqa: T201 - this is the program's own voice
    return again


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Yield the single exceptions of a group, however deep."""
    for err in group.exceptions:
        if isinstance(err, BaseExceptionGroup):
            yield from leaves(err)
        else:
            yield err


def log_to_file(path: Path) -> None:
    """Log there from now on, because a panel draws on this terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=path, level=logging.getLogger().level, format=_FORMAT, datefmt=_TIME, force=True)


def log_to_stderr(*, verbose: bool) -> None:
    """Log one line an event; systemd adds the time itself."""
    form = _FORMAT.removeprefix("%(asctime)s ") if os.environ.get("JOURNAL_STREAM") else _FORMAT
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, format=form, datefmt=_TIME)
    # libraries tell their life's story at info level; a room's log is for the room
    for name in ("aiohttp", "aiortc", "aioice", "amqtt", "transitions", "PIL", "asyncio", "websockets", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.WARNING)
