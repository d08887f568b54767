"""A real browser without a screen: Debian's chromium, driven by selenium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait


@contextmanager
def browser(folder: Path) -> Iterator[webdriver.Chrome]:
    """One with a profile of its own, and no network at all: whatever a page asks for fails, and is told in its log."""
    options = Options()
    found = shutil.which("chromium")
    assert found, "chromium is missing: run scripts/system-packages"
    options.binary_location = found
    for argument in (
        "--headless=new",
        "--no-sandbox",  # tests run as root
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        driver.set_page_load_timeout(120)
        driver.set_script_timeout(120)
        yield driver
    finally:
        driver.quit()


SETTLED = """
  return [...document.querySelectorAll('.plot')].every(
    (one) => Math.abs(one.querySelector('.main-svg').getBoundingClientRect().width - one.clientWidth) < 2);
"""
"""Whether every figure has been drawn for the width that there is."""


def look(driver: webdriver.Chrome, page: Path, width: int) -> dict[str, Any]:
    """Open a page in a window of a width, or change its width: what it shows, what it complained of, and what reaches beyond
    its edge."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    if driver.current_url != page.as_uri():
        driver.get(page.as_uri())
    WebDriverWait(driver, 60).until(lambda one: one.execute_script(SETTLED))
    told: dict[str, Any] = driver.execute_script(
        """
        const root = document.documentElement;
        const counts = (one) => !one.closest('.scroll table') && (!one.closest('svg') || one.tagName === 'text');
        const beyond = [...document.querySelectorAll('main *')].filter(
          (one) => counts(one) && one.getBoundingClientRect().right > innerWidth + 1);
        const drawn = (plot) => plot.querySelectorAll('svg .trace, svg .barlayer .point, svg .heatmaplayer .hm').length;
        return {
          drawn: root.dataset.drawn, width: innerWidth, scroll: root.scrollWidth, text: document.body.innerText,
          plots: [...document.querySelectorAll('.plot')].map((one) => [one.id, drawn(one), one.clientWidth]),
          beyond: beyond.slice(0, 5).map((one) => one.outerHTML.slice(0, 200)),
          outside: performance.getEntriesByType('resource').map((one) => one.name).filter((name) => !name.startsWith('data:')),
        };
        """
    )
    complaints: list[dict[str, Any]] = driver.get_log("browser")  # type: ignore[no-untyped-call]
    return told | {"complaints": complaints}
