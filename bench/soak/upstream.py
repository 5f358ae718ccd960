"""`python -m bench.soak.upstream`: a model's server that answers by `Order`.

It takes a free port of 127.0.0.1, and prints it.
"""

import asyncio
from asyncio import StreamReader, StreamWriter
from http import HTTPStatus
from typing import Any

from bench.faults.upstream import END, HEAD, chunk, event, refused, serve
from bench.soak.order import Order, Way

PIECE_SECONDS = 0.1
PAGE = b"<html><body>Bad gateway</body></html>"
PAGE_REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (
    len(PAGE),
    PAGE,
)
refuse = refused(HTTPStatus.TOO_MANY_REQUESTS, "Slow down.")


async def answer(question: Any, reader: StreamReader, writer: StreamWriter) -> None:
    order = Order.of(question["messages"][-1]["content"])
    match order.way:
        case Way.REFUSED:
            await refuse(reader, writer)
        case Way.PAGE:
            writer.write(PAGE_REPLY)
        case Way.MUTE:
            await until_left(reader, writer)
        case _:
            writer.write(HEAD)
            await write_text(order, writer)
            await end(order, reader, writer)


async def write_text(order: Order, writer: StreamWriter) -> None:
    for text in order.texts():
        writer.write(event({"content": text}))
        await writer.drain()
        if order.way is not Way.QUICK:
            await asyncio.sleep(PIECE_SECONDS)


async def end(order: Order, reader: StreamReader, writer: StreamWriter) -> None:
    match order.way:
        case Way.CUT:
            writer.write(chunk(b'data: {"choices": ['))
            await writer.drain()
            writer.close()
        case Way.GARBLED:
            writer.write(chunk(b'data: {"choices": [nothing}\n\n'))
            await until_left(reader, writer)
        case Way.SILENT:
            await until_left(reader, writer)
        case _:
            writer.write(END)


async def until_left(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.read(1)
    writer.close()


if __name__ == "__main__":
    asyncio.run(serve(answer))
