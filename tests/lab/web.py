"""Healthy TCP traffic: ``python -m tests.lab.web serve ADDRESS …`` and ``… fetch --servers A,B …``.

The server answers ``GET /N`` with N bytes and closes; ``GET /chat`` holds the connection and echoes lines. The client
fetches pages at a steady rate and keeps one chat open for all its time, then prints how many of each it finished.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random

PAGE = b"<p>The quick brown fox jumps over the lazy dog.</p>\n" * 2000


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        line = await reader.readline()
        path = line.split()[1] if len(line.split()) > 1 else b"/0"
        if path == b"/chat":
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        else:
            await reader.readuntil(b"\r\n\r\n")
            size = min(int(path[1:] or b"0"), len(PAGE))
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % size + PAGE[:size])
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def serve(addresses: list[str]) -> None:
    servers = [await asyncio.start_server(answer, address, 80) for address in addresses]
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def fetch_page(address: str, size: int) -> int:
    reader, writer = await asyncio.open_connection(address, 80)
    writer.write(b"GET /%d HTTP/1.0\r\nHost: www.example\r\n\r\n" % size)
    body = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(len(body) > size)


async def chat(address: str, seconds: float) -> int:
    reader, writer = await asyncio.open_connection(address, 80)
    writer.write(b"GET /chat\n")
    lines = 0
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        writer.write(b"still here\n")
        await reader.readline()
        lines += 1
        await asyncio.sleep(0.5)
    writer.close()
    await writer.wait_closed()
    return lines


async def fetch(addresses: list[str], rate: float, seconds: float, seed: int) -> dict[str, int]:
    dice = random.Random(seed)
    talk = asyncio.create_task(chat(addresses[0], seconds))
    pages: list[asyncio.Task[int]] = []
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        pages.append(asyncio.create_task(fetch_page(dice.choice(addresses), dice.randrange(500, 20_000))))
        await asyncio.sleep(dice.expovariate(rate))
    finished = sum(await asyncio.gather(*pages))
    return {"connections": len(pages) + 1, "pages": finished, "chat_lines": await talk}


def main() -> None:
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    server = roles.add_parser("serve")
    server.add_argument("addresses", nargs="+")
    client = roles.add_parser("fetch")
    client.add_argument("--servers", required=True)
    client.add_argument("--rate", type=float, default=2.0)
    client.add_argument("--seconds", type=float, default=90.0)
    client.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.role == "serve":
        asyncio.run(serve(given.addresses))
    else:
        print(json.dumps(asyncio.run(fetch(given.servers.split(","), given.rate, given.seconds, given.seed))))


if __name__ == "__main__":
    main()
