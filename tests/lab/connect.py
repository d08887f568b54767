"""Attempts to connect: ``python -m tests.lab.connect --to ADDRESS:PORT,… --rate 5``; each is given up after `--patience`.

Prints by target how many succeeded, were refused (RST), were answered by an ICMP error, or never heard anything.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random

OUTCOMES = ("connected", "refused", "unreachable", "lost")


async def attempt(target: str, patience: float) -> str:
    """What becomes of one connection."""
    address, port = target.rsplit(":", 1)
    try:
        async with asyncio.timeout(patience):
            _, writer = await asyncio.open_connection(address.strip("[]"), int(port))
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "lost"
    except OSError:
        return "unreachable"
    writer.close()
    await writer.wait_closed()
    return "connected"


async def run(targets: list[str], rate: float, seconds: float, patience: float, seed: int) -> dict[str, dict[str, int]]:
    """Attempts at random moments, `rate` a second in all."""
    dice, loop = random.Random(seed), asyncio.get_running_loop()
    end = loop.time() + seconds
    started: list[tuple[str, asyncio.Task[str]]] = []
    while loop.time() < end:
        target = dice.choice(targets)
        started.append((target, asyncio.create_task(attempt(target, patience))))
        await asyncio.sleep(dice.expovariate(rate))
    found = {target: dict.fromkeys(OUTCOMES, 0) for target in targets}
    for target, task in started:
        found[target][await task] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True)
    parser.add_argument("--rate", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--patience", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    outcome = asyncio.run(run(given.to.split(","), given.rate, given.seconds, given.patience, given.seed))
    print(json.dumps({"targets": outcome}))


if __name__ == "__main__":
    main()
