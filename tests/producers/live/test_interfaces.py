from __future__ import annotations

import shutil
import subprocess

import pytest

from producers.live import interfaces
from producers.live.errors import LiveError
from tests.lab.network import network
from tests.producers.live.place import inside


def test_the_loopback_interface() -> None:
    index = interfaces.index_of("lo")
    assert index == interfaces.present("lo") > 0
    assert interfaces.index_of("any") == 0
    assert interfaces.present("nosuch0") == 0
    assert interfaces.is_up("lo")
    assert not interfaces.is_up("nosuch0")
    assert interfaces.links_of("lo") == (1,)
    assert interfaces.links_of("any") == (1, 101)
    with pytest.raises(OSError, match="No such device"):
        interfaces.links_of("nosuch0")
    with pytest.raises(LiveError, match=r"'loo'; did you mean lo\?"):
        interfaces.index_of("loo")


@pytest.mark.lab
def test_counters_of_a_driver_and_what_is_lost() -> None:
    """veth has counters of its own; they are those that ethtool shows."""
    assert shutil.which("ethtool")
    with network() as net:
        one = net.namespace("one")
        net.wire(one, "left", net.namespace("two"), "right")
        with inside(one):
            found = interfaces.driver_counters("left")
            shown = subprocess.run(["ethtool", "-S", "left"], capture_output=True, text=True, check=True).stdout
        listed = dict(line.strip().rsplit(": ", 1) for line in shown.splitlines()[1:])
        assert found == {name: int(value) for name, value in listed.items()}
        assert "rx_queue_0_drops" in found
    assert interfaces.lost("any") == {}


def test_only_counters_of_losses_that_are_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"rx_packets": 7, "bw_in_allowance_exceeded": 5, "rx_missed": 0, "tx_queue_0_drops": 2}
    monkeypatch.setattr(interfaces, "driver_counters", lambda name: told)
    assert {"bw_in_allowance_exceeded": 5, "tx_queue_0_drops": 2}.items() <= interfaces.lost("lo").items()
    assert "rx_packets" not in interfaces.lost("lo")

    def none(name: str) -> dict[str, int]:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(interfaces, "driver_counters", none)
    assert "bw_in_allowance_exceeded" not in interfaces.lost("lo")
