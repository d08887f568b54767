"""The report: self-contained, and in a real browser what it should be, on a narrow and on a wide screen."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from selenium import webdriver

from tests.backtest.browser import browser, look
from tests.backtest.whole import demo, lab, swept
from wireverdict.backtest.report import page
from wireverdict.backtest.result import Backtest


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with browser(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


def holed(done: Backtest) -> Backtest:
    missing = [("retention", "partition 3", 1200, "messages", "deleted <before> it was read & gone")]
    counts = {"schema_1": 5, "schema_2": 7}
    return dataclasses.replace(done, source=dataclasses.replace(done.source, missing=missing, counts=counts))


BACKTESTS: dict[str, Callable[[], Backtest]] = {
    "demo": demo,
    "lab": lab,
    "sweep": swept,
    "grid": lambda: swept(grid=True),
}


@pytest.mark.parametrize("name", BACKTESTS)
def test_it_opens_without_a_network_and_without_errors_and_fits(
    chromium: webdriver.Chrome, name: str, tmp_path: Path
) -> None:
    done = BACKTESTS[name]()
    file = tmp_path / "report.html"
    file.write_text(page(done), encoding="utf-8")
    for width in (400, 1600):
        seen = look(chromium, file, width)
        assert seen["complaints"] == []
        assert seen["drawn"] == "yes"
        assert seen["outside"] == []
        assert seen["beyond"] == []
        assert seen["scroll"] <= seen["width"] == width
        assert len(seen["plots"]) >= 1
        for plot, drawn, wide in seen["plots"]:
            assert drawn > 0, plot
            assert 0.2 * width < wide <= width
        assert "Backtest" in seen["text"]
        for comparison in done.comparisons:
            for number, one in enumerate(comparison.told, 1):
                assert f"{number}. " in seen["text"]
                assert one.who in seen["text"]


@pytest.mark.parametrize("width", [1100, 1400])
def test_the_summary_is_seen_whole_on_a_usual_screen(chromium: webdriver.Chrome, tmp_path: Path, width: int) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(demo()), encoding="utf-8")
    look(chromium, file, width)
    whole = "const at = document.querySelector('.scores').closest('.scroll'); return [at.scrollWidth, at.clientWidth]"
    inner, outer = chromium.execute_script(whole)
    assert 0 < inner <= outer


def test_it_says_whether_all_of_the_source_was_there() -> None:
    assert "Nothing is known to be missing" in page(demo())


def test_evidence_opens_at_a_click_and_what_is_missing_comes_first(chromium: webdriver.Chrome, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(holed(demo())), encoding="utf-8")
    text = look(chromium, file, 400)["text"]
    assert "retention: partition 3: 1,200 messages: deleted <before> it was read & gone" in text
    assert "5 of version 1, 7 of version 2" in text
    assert text.index("What is missing") < text.index("Summary") < text.index("Verdicts over time")
    shown = "return document.querySelector('.difference details .scroll').checkVisibility()"
    assert chromium.execute_script(shown) is False
    chromium.execute_script("document.querySelector('.difference summary').click()")
    assert chromium.execute_script(shown) is True
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= 400


def test_the_same_backtest_gives_the_same_bytes_and_names_no_other_place() -> None:
    text = page(demo())
    assert page(demo()) == text
    own = text[: text.index("<script>/**")] if "<script>/**" in text else text[: text.rindex("<script>")]
    head = own[: own.index("</style>")]
    assert not re.search(r"(?:src|href)=(?![\"']?data:)", head)
    assert "@import" not in head


def test_words_from_outside_are_no_markup() -> None:
    done = demo()
    evil = dataclasses.replace(done, source=dataclasses.replace(done.source, spec=["</script><b>x"]))
    text = page(evil)
    assert "&lt;/script&gt;&lt;b&gt;x" in text
    assert "</script><b>x" not in text


def test_a_name_cannot_end_the_script_that_holds_a_figure_nor_be_markup_in_it() -> None:
    done = lab()
    bad = "</script><script>document.title='taken'</script>"
    result = done.results[0]
    incidents = [msgspec.structs.replace(incident, place=bad) for incident in result.incidents]
    places = [msgspec.structs.replace(place, name=bad) for place in done.source.places]
    config = result.config._replace(name=bad)
    text = page(
        dataclasses.replace(
            done,
            source=dataclasses.replace(done.source, places=places),
            results=[dataclasses.replace(result, incidents=incidents, config=config)],
            comparisons=[],
        )
    )
    assert bad not in text
    assert "&lt;/script&gt;" in text
