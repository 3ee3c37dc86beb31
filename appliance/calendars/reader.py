"""Have a calendar parsed by a process of its own, within a time limit. The daemon itself never loads the parsers."""

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

from appliance.calendars.booking import Reading, ReadRequest
from appliance.calendars.errors import CalendarError
from appliance.children import send
from appliance.state.wire import from_json, to_json

logger = logging.getLogger(__name__)

TIMEOUT_S = 120.0
"""Far more than the processor time the worker gives itself: a busy machine does not make a calendar bad."""
_ROOT = Path(__file__).parents[2]
_TOO_MUCH = "The calendar is too large or too complicated to be read; publish one with fewer events."


async def read(data: bytes, request: ReadRequest, *, timeout_s: float = TIMEOUT_S) -> Reading:
    """Return what is booked, or raise `CalendarError` if the calendar is too much to be read."""
    question = json.dumps(to_json(request)).encode() + b"\n" + data
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "appliance.calendars.worker",
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # a traceback could quote the calendar
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(timeout_s):
            answer, _ = await process.communicate(question)
    except TimeoutError as err:
        raise CalendarError(_TOO_MUCH) from err
    finally:
        if process.returncode is None:
            send(process, signal.SIGKILL)
            await process.wait()
    if process.returncode != 0:
        logger.warning("the calendar's reader ended with code %s", process.returncode)
        raise CalendarError(_TOO_MUCH)
    return from_json(Reading, json.loads(answer))
