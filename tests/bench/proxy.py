"""A TCP proxy on loopback that lets each byte arrive later: a network with a round trip, for `python -m tests.bench.proxy SECONDS PORT=HOST:PORT...`."""

from __future__ import annotations

import asyncio
import sys
from functools import partial


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Hand on all that is read, each piece `delay` seconds after it came."""
    loop = asyncio.get_running_loop()
    while data := await reader.read(65536):
        loop.call_later(delay, writer.write, data)
    loop.call_later(delay, writer.close)


async def serve(there: str, delay: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection; what opening it costs is a round trip, too."""
    await asyncio.sleep(2 * delay)
    address, port = there.rsplit(":", 1)
    far_reader, far_writer = await asyncio.open_connection(address, int(port))
    await asyncio.gather(pipe(reader, far_writer, delay), pipe(far_reader, writer, delay))


async def main(seconds: float, routes: list[str]) -> None:
    """Serve until killed; `seconds` is the round trip. Says that it listens."""
    for route in routes:
        port, there = route.split("=")
        await asyncio.start_server(partial(serve, there, seconds / 2), "127.0.0.1", int(port))
    print("listening", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
