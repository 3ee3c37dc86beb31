"""The desktop portal as browsers ask it for cameras (org.freedesktop.portal.Camera): everybody may use them.

`python -m benchmarks.pipewire_portal` serves the session bus and the PipeWire of its environment.
"""

import asyncio
import os
import socket
import sys
from pathlib import Path

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from appliance.service import run_program

_NAME = "org.freedesktop.portal.Desktop"
_PATH = "/org/freedesktop/portal/desktop"
_ABOUT = {"IsCameraPresent": Variant("b", True), "version": Variant("u", 1)}


class Portal:
    """Answers on one bus."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        bus.add_message_handler(self._answer)

    def _answer(self, call: Message) -> Message | None:
        if call.message_type is not MessageType.METHOD_CALL:
            return None
        match call.member:
            case "AccessCamera":
                return self._allow(call)
            case "OpenPipeWireRemote":
                return Message.new_method_return(call, "h", [0], [_pipewire()])
            case "GetAll":
                return Message.new_method_return(call, "a{sv}", [_ABOUT])
        return None

    def _allow(self, call: Message) -> Message:
        token, sender = call.body[0]["handle_token"].value, str(call.sender)
        request = f"{_PATH}/request/{sender[1:].replace('.', '_')}/{token}"
        answer = Message(
            destination=sender,
            path=request,
            interface="org.freedesktop.portal.Request",
            member="Response",
            signature="ua{sv}",
            body=[0, {}],
            message_type=MessageType.SIGNAL,
        )
        # once the call itself has been answered
        asyncio.get_running_loop().call_soon(self._bus.send, answer)
        return Message.new_method_return(call, "o", [request])


def _pipewire() -> int:
    """Return a descriptor that is connected to PipeWire; whoever gets it closes it."""
    remote = socket.socket(socket.AF_UNIX)
    remote.connect(str(Path(os.environ["XDG_RUNTIME_DIR"]) / "pipewire-0"))
    return remote.detach()


async def serve() -> None:
    """Serve until cancelled."""
    bus = await MessageBus(negotiate_unix_fd=True).connect()
    Portal(bus)
    await bus.request_name(_NAME)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    sys.exit(run_program(serve))
