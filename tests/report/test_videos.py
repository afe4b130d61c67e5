"""Videos play where people open them."""

from pathlib import Path

import numpy as np
from selenium.webdriver.support.wait import WebDriverWait

from sail.report.media import write_mp4

from browsers import needs_browser, opened_browser


@needs_browser
def test_a_video_plays_in_a_browser(tmp_path: Path) -> None:
    frames = np.zeros((6, 16, 16, 3), np.uint8)
    frames[3:, :, :, 0] = 255
    write_mp4(tmp_path / "plan.mp4", frames, fps=6)
    (tmp_path / "page.html").write_text("<video src=plan.mp4 muted autoplay></video>")
    with opened_browser(tmp_path / "browser") as browser:
        browser.get((tmp_path / "page.html").as_uri())
        ended = "return document.querySelector('video').ended"
        WebDriverWait(browser, 20).until(
            lambda driver: driver.execute_script(ended), "the video did not play"
        )
        size = "const it = document.querySelector('video'); return [it.videoWidth, it.duration]"
        seen = browser.execute_script(size)
    assert seen[0] == 64 and 0.8 < seen[1] < 1.2
