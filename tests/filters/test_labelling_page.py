"""The page in a real browser: what a person sees, presses, and gets."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from sail.filters.human.labels import read_labels

from browsers import needs_browser, opened_browser
from helpers import LABELLED_STEPS, Labelling, make_episode

pytestmark = needs_browser
# The colour in the middle of the first frame's first pixel, as the page has painted it. Read from a copy:
# Chromium complains of a canvas that is read twice, and how often it takes depends on how busy it is here.
PAINTED = """
const copy = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
copy.drawImage(document.getElementById('film'), 0, 0);
return [...copy.getImageData(5, 5, 1, 1).data];
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with opened_browser(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


def place(browser: Chrome, expected: str) -> None:
    WebDriverWait(browser, 20).until(
        lambda driver: expected in driver.find_element(By.ID, "place").text,
        f"the page does not say {expected}",
    )


def press(browser: Chrome, key: str) -> None:
    ActionChains(browser).send_keys(key).perform()


def test_a_person_labels_by_keys_goes_back_and_finishes(browser: Chrome, labelling: Labelling) -> None:
    browser.get(labelling.address)
    place(browser, "Episode 1 of 3, 3 without a label")
    assert browser.find_element(By.ID, "prompt").text == "press the handle"
    colours = make_episode(LABELLED_STEPS, 0).frames[:, 0, 0].tolist()
    WebDriverWait(browser, 20).until(lambda driver: driver.execute_script(PAINTED)[:3] in colours)
    assert not browser.find_element(By.ID, "finish").is_displayed()
    press(browser, "s")
    place(browser, "Episode 2 of 3, 2 without")
    press(browser, "b")
    place(browser, "Episode 1 of 3, 2 without")
    press(browser, "f")
    place(browser, "Episode 2 of 3, 2 without")
    browser.find_element(By.CSS_SELECTOR, "[data-label=success]").click()
    place(browser, "Episode 3 of 3, 1 without")
    # Whoever closes the page goes on where it was.
    browser.get(labelling.address)
    place(browser, "Episode 3 of 3, 1 without")
    press(browser, "k")
    place(browser, "0 without a label")
    press(browser, Keys.ENTER)
    labelling.thread.join(timeout=20)
    assert list(labelling.labels.values()) == ["failure", "success", "skip"]
    WebDriverWait(browser, 20).until(lambda driver: "can be closed" in driver.page_source)
    complaints = [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]]
    assert complaints == [], json.dumps(complaints)


def test_a_loop_that_was_stopped_is_told_of(browser: Chrome, labelling: Labelling, tmp_path: Path) -> None:
    browser.get(labelling.address)
    place(browser, "Episode 1 of 3")
    for episode in range(3):
        labelling.say(episode, "success")
    labelling.ask("POST", "/finish", {})
    labelling.thread.join(timeout=20)
    press(browser, "f")
    WebDriverWait(browser, 20).until(
        lambda driver: "is the loop still running?" in driver.find_element(By.ID, "error").text
    )
    ids = [record.id for record in labelling.records]
    assert set(read_labels(labelling.path, ids).values()) == {"success"}
