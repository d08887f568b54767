"""Whole backtests of captures that ship with the project, made once for all tests of a process."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from tests.lab.scenario import CAPTURES
from wireverdict.backtest.result import Backtest
from wireverdict.cli.backtesting import Options, prepare, run

DEMO = Path(__file__).resolve().parents[2] / "demo" / "dns-outage.pcap.gz"
DEAF = (
    "[detectors.dns_loss]\nmin_attempts = 400\n[detectors.throttling_ratio]\nmin_out = 600\n[alerts]\nbad_windows = 3\n"
)
DEMO_LABELS = """who,what,from,to,expect,group,note
198.18.0.2 >,dns-loss,2026-11-23T07:01:50Z,2026-11-23T07:02:31Z,fires,IPv4,the gateway
2001:db8:18::2 >,dns-loss,2026-11-23T07:01:50Z,2026-11-23T07:02:31Z,fires,IPv6,the gateway
192.0.2.99,dns-loss,2026-11-23T07:01:50Z,2026-11-23T07:02:31Z,fires,IPv4,not in this capture
*,throttling-ratio,2026-11-23T07:01:50Z,2026-11-23T07:02:31Z,may,,the same answers
*,*,2026-11-23T07:01:21Z,2026-11-23T07:01:40Z,never,before,
*,dns-loss,2026-11-24T07:01:50Z,2026-11-24T07:02:31Z,fires,IPv4,another day
"""


def _made(options: Options) -> Backtest:
    return run(prepare(options), options)


@cache
def demo(labelled: bool = True) -> Backtest:
    """Two configurations over the demo: the second one hears less. With stories."""
    with tempfile.TemporaryDirectory() as folder:
        default, deaf, labels = (Path(folder) / name for name in ("default.toml", "deaf.toml", "labels.csv"))
        default.write_text("", encoding="utf-8")
        deaf.write_text(DEAF, encoding="utf-8")
        labels.write_text(DEMO_LABELS, encoding="utf-8")
        return _made(
            Options(
                (str(DEMO),),
                configs=(str(default), str(deaf)),
                labels=str(labels) if labelled else None,
                tolerance=10.0,
                html=str(Path(folder) / "report.html"),
            )
        )


@cache
def lab() -> Backtest:
    """A policer, a bloated queue and a receiver that does not read, each capture by itself; one side does not look for them."""
    names = (
        "policed-up-big-burst.client",
        "bufferbloat-up.client",
        "zero-window-client.client",
        "syn-black-hole.client",
    )
    with tempfile.TemporaryDirectory() as folder:
        default, deaf = Path(folder) / "default.toml", Path(folder) / "deaf.toml"
        default.write_text("", encoding="utf-8")
        deaf.write_text(
            '[detectors]\noff = ["policing", "bufferbloat", "new-flow-loss"]\n[detectors.zero_window]\nwarning_share = 0.7\n',
            encoding="utf-8",
        )
        captures = tuple(str(CAPTURES / f"{name}.pcap.xz") for name in names)
        html = str(Path(folder) / "report.html")
        return _made(Options(captures, configs=(str(default), str(deaf)), each=True, html=html, processes=1))


@cache
def swept(labelled: bool = True, grid: bool = False) -> Backtest:
    """One setting of dns-loss over the demo, or two."""
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / "labels.csv"
        labels.write_text(DEMO_LABELS, encoding="utf-8")
        sweeps = ("detectors.dns_loss.min_attempts=20:1000:8", *(("alerts.bad_windows=1,2,3",) if grid else ()))
        html = str(Path(folder) / "report.html")
        return _made(
            Options((str(DEMO),), sweeps=sweeps, labels=str(labels) if labelled else None, tolerance=10.0, html=html)
        )
