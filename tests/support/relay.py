"""A tunnel for tests: what comes to some ports of one address goes to the same ports of another.

``python -m tests.support.relay LISTEN TARGET PORT…`` until it is killed; says ``ready`` when it listens. Servers of the
tests listen on loopback, and installations take nothing else without TLS: in production an encrypted tunnel or TLS.
"""

import asyncio
import contextlib
import sys


async def relay(listen: str, target: str, ports: list[int]) -> None:
    """Listen on all ports, for ever."""

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while block := await source.read(1 << 16):
                sink.write(block)
                await sink.drain()
        # A peer that is gone on one side is gone on the other.
        sink.close()

    async def serve(port: int) -> asyncio.Server:
        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                there, back = await asyncio.open_connection(target, port)
            except OSError:
                writer.close()
                return
            await asyncio.gather(carry(reader, back), carry(there, writer))

        return await asyncio.start_server(meet, listen, port)

    servers = [await serve(port) for port in ports]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(relay(sys.argv[1], sys.argv[2], [int(port) for port in sys.argv[3:]]))
