"""At least forty captures of all kinds, each as a sensor of its own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.captures import CAPTURES, index
from tests.streams.publishing import answer, header_batches
from wireverdict.headers import HeaderBatch

ROOT = Path(__file__).resolve().parents[2]
OURS = [
    ROOT / "demo" / "dns-outage.pcap.gz",
    *(
        ROOT / "tests" / "lab" / "captures" / f"{name}.pcap.xz"
        for name in (
            "policed-down-several.client",
            "policed-up-small-burst.server",
            "dns-throttled.client",
            "bufferbloat-up.client",
            "flow-table-full.server",
        )
    ),
]


def chosen() -> list[Path]:
    """Ours, then others' of different kinds: with IPv6, damaged, of many protocols, and some of every size."""
    rows = [row for row in index() if row["packets"].isdigit() and int(row["packets"]) <= 5_000]

    def some(words: str, count: int, least: int = 1) -> list[Path]:
        found = [row for row in rows if words in row["remark"] and int(row["packets"]) >= least]
        found = [row for row in found if (CAPTURES / row["path"]).is_file()]
        return [CAPTURES / row["path"] for row in found[:: max(1, len(found) // count)][:count]]

    others = [*some("IPv6", 8, 20), *some("malformed", 6), *some("gap", 4), *some("frag", 3), *some("ICMP", 4)]
    others += some("TCP", 10, 100) + some("DNS", 6, 50) + some("", 12, 500)
    return list(dict.fromkeys([*OURS, *others]))


@cache
def sensors() -> dict[str, list[HeaderBatch]]:
    """Header batches by name of sensor; small batches, so that there are many messages."""
    made = {
        f"s{number:02d}-{path.name[:20]}": list(header_batches([path], 1_000)) for number, path in enumerate(chosen())
    }
    return {name: batches for name, batches in made.items() if sum(len(batch.rows) for batch in batches)}


@cache
def answers() -> dict[str, tuple[list[bytes], list[bytes]]]:
    """Records and verdicts of each sensor, as `analyze` has them."""
    return {name: answer(batches) for name, batches in sensors().items()}
