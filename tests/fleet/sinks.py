"""Servers that take what is sent to them: an SMTP server and an HTTP server, small and real."""

import asyncio
import json
from contextlib import asynccontextmanager
from email import message_from_bytes, policy


@asynccontextmanager
async def smtp_sink(*, refuse=0):
    """Yield (port, mails); the first `refuse` mails are turned away for now (451)."""
    mails, left = [], [refuse]

    async def serve(reader, writer):
        def say(text):
            writer.write(f"{text}\r\n".encode())

        say("220 sink")
        while line := await reader.readline():
            match line.split(maxsplit=1)[0].upper():
                case b"EHLO" | b"HELO":
                    say("250 sink")
                case b"DATA":
                    say("354 go on")
                    data = (await reader.readuntil(b"\r\n.\r\n"))[:-5]
                    if left[0]:
                        left[0] -= 1
                        say("451 try again later")
                    else:
                        mails.append(message_from_bytes(data, policy=policy.default))
                        say("250 taken")
                case b"QUIT":
                    say("221 bye")
                    break
                case _:
                    say("250 fine")
        writer.close()

    async with _listening(serve) as port:
        yield port, mails


@asynccontextmanager
async def http_sink(*, statuses=(), tls=None):
    """Yield (port, requests); each request is (path, JSON). Answers with the statuses given, then with 200.

    With `tls`, an `ssl.SSLContext`, by HTTPS.
    """
    requests, answers = [], list(statuses)

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = next(int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length:"))
        body = await reader.readexactly(size)
        requests.append((head.split()[1], json.loads(body)))
        status = answers.pop(0) if answers else 200
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok".encode())
        await writer.drain()
        writer.close()

    async with _listening(serve, tls) as port:
        yield port, requests


@asynccontextmanager
async def _listening(serve, tls=None):
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
