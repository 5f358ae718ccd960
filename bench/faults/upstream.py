"""`python -m bench.faults.upstream`: a model's server that fails on demand.

The question names the outcome. The server takes a free port of 127.0.0.1, and prints it.
"""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

# Some providers quote the whole request in a refusal.
LONG_ERROR = "x" * 50_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return chunk(b"data: %b\n\n" % json.dumps({"model": "bench", "choices": [choice]}).encode())


TEXT = event({"content": "Hello there. "})
END = event({}, "stop") + chunk(b"data: [DONE]\n\n") + chunk(b"")


async def whole(_: StreamReader, writer: StreamWriter) -> None:
    writer.write(HEAD + TEXT + TEXT + END)


async def cut(_: StreamReader, writer: StreamWriter) -> None:
    writer.write(HEAD + TEXT + chunk(b'data: {"choices": ['))
    await writer.drain()
    writer.close()


async def endless(reader: StreamReader, writer: StreamWriter) -> None:
    """Says no more until the relay has left."""
    writer.write(HEAD + TEXT)
    await reader.read(1)
    writer.close()


def refused(status: HTTPStatus, message: str) -> Callable[..., Awaitable[None]]:
    body = json.dumps({"error": {"message": message, "type": "bench", "code": "bench"}}).encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
    reply = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    async def refuse(_: StreamReader, writer: StreamWriter) -> None:
        writer.write(reply)

    return refuse


ANSWERS: dict[str, Callable[..., Awaitable[None]]] = {
    "whole": whole,
    "refused 400": refused(HTTPStatus.BAD_REQUEST, "no"),
    "refused 401": refused(HTTPStatus.UNAUTHORIZED, "no"),
    "refused 429": refused(HTTPStatus.TOO_MANY_REQUESTS, LONG_ERROR),
    "cut": cut,
    "endless": endless,
}


async def answer(question: Any, reader: StreamReader, writer: StreamWriter) -> None:
    await ANSWERS[question["messages"][-1]["content"]](reader, writer)


async def request(reader: StreamReader) -> Any:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    return json.loads(await reader.readexactly(length))


async def serve(answer: Callable[[Any, StreamReader, StreamWriter], Awaitable[None]]) -> None:
    """Answers questions until killed."""

    async def talk(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while not writer.is_closing():
                await answer(await request(reader), reader, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            # The relay may leave at any point.
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(answer))
