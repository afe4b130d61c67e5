"""A real browser, without a window."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    DRIVER is None, reason="needs Chromium and its driver (Debian: chromium, chromium-driver)"
)


@contextmanager
def opened_browser(folder: Path) -> Iterator[Chrome]:
    """Chromium, with what it keeps in a folder."""
    options = ChromeOptions()
    # As root, as CI is, Chromium has no sandbox; and it is to ask nobody outside for anything.
    flags = ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run")
    flags += ("disable-background-networking", "disable-component-update", "disable-sync", "disable-quic")
    for flag in (*flags, f"user-data-dir={folder}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(DRIVER))
    yield driver
    driver.quit()
