"""Which configurations share a pass, what they differ in, and how one setting is changed."""

from __future__ import annotations

import pytest

from wireverdict.backtest.configs import core, passes, value_of, varied, with_value
from wireverdict.settings import Settings, SettingsError

DEFAULT = Settings()


def test_detectors_and_alerts_share_a_pass_and_windows_do_not() -> None:
    louder = with_value(DEFAULT, "detectors.dns_loss.warning", 0.05)
    slower = with_value(DEFAULT, "alerts.bad_windows", 3)
    shorter = with_value(DEFAULT, "windows.width", 5.0)
    other = with_value(DEFAULT, "paths.policing.min_lost", 30)
    assert core(louder) == core(slower) == core(DEFAULT)
    assert passes([DEFAULT, shorter, louder, other, slower, shorter]) == [[0, 2, 4], [1, 5], [3]]


def test_what_cannot_change_a_verdict_makes_no_pass_of_its_own() -> None:
    import msgspec

    elsewhere = msgspec.structs.replace(DEFAULT, bus=msgspec.structs.replace(DEFAULT.bus, partitions=3))
    assert passes([DEFAULT, elsewhere]) == [[0, 1]]
    assert varied([DEFAULT, elsewhere]) == []


def test_what_varies_is_told_in_the_order_of_the_settings() -> None:
    one = with_value(with_value(DEFAULT, "alerts.bad_windows", 3), "detectors.dns_loss.warning", 0.3)
    told = varied([DEFAULT, one, DEFAULT])
    assert [(each.key, each.values) for each in told] == [
        ("detectors.dns_loss.warning", [0.1, 0.3, 0.1]),
        ("alerts.bad_windows", [2, 3, 2]),
    ]


def test_a_value_is_found_by_its_key() -> None:
    assert value_of(DEFAULT, "paths.policing.min_lost") == DEFAULT.paths.policing.min_lost


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("detectors.dns_los.warning", 0.1, "did you mean detectors.dns_loss.warning"),
        ("detectors.dns_loss", 0.1, "no setting"),
        ("bus.partitions", 3, "no setting"),
        ("detectors.dns_loss.warning", 0.9, "0 < warning <= critical"),
        ("detectors.dns_loss.min_attempts", "many", "detectors.dns_loss.min_attempts = many"),
    ],
)
def test_what_cannot_be_is_refused(key: str, value: object, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        with_value(DEFAULT, key, value)


def test_one_value_is_changed_and_nothing_else() -> None:
    made = with_value(DEFAULT, "detectors.dns_loss.warning", 0.25)
    assert made.detectors.dns_loss.warning == 0.25
    assert with_value(made, "detectors.dns_loss.warning", DEFAULT.detectors.dns_loss.warning) == DEFAULT
