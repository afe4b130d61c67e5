"""A vision-language model is asked over HTTP; a stand-in on loopback answers."""

import base64

import cv2
import numpy as np
import pytest

from sail.config.schema import VlmConfig
from sail.filters.vlm.endpoint import KEY
from sail.filters.vlm.vlm_filter import VlmFilter

from endpoints import Answers, completion

FRAMES = np.zeros((3, 32, 64, 3), np.uint8)
FRAMES[2, :, :, 0] = 255  # red


def asking(answers: Answers) -> VlmFilter:
    return VlmFilter(VlmConfig(endpoint=answers.address, model="eyes", timeout=5.0, retries=1))


def test_it_is_shown_the_frames_and_told_the_task(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "secret")
    answers.given = [completion('Surely: {"success": true, "reason": "the handle\nis down"}')]
    verdict = asking(answers).judge(FRAMES, "press the handle down")
    assert verdict.success and verdict.reason == "yes: the handle is down"
    ((path, headers, body),) = answers.asked
    assert path == "/v1/chat/completions" and headers["Authorization"] == "Bearer secret"
    assert body["model"] == "eyes" and body["temperature"] == 0.0
    text, *pictures = body["messages"][0]["content"]
    assert "press the handle down" in text["text"] and len(pictures) == 3
    kind, _, data = pictures[2]["image_url"]["url"].partition(",")
    assert kind == "data:image/png;base64"
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (128, 256, 3) and tuple(shown[64, 128]) == (0, 0, 255)  # red, as OpenCV has it


def test_nonsense_is_asked_again_and_is_no_success(answers: Answers) -> None:
    answers.given = [completion("perhaps"), completion("maybe")]
    verdict = asking(answers).judge(FRAMES, "press")
    assert not verdict.success and verdict.reason == "no verdict: maybe" and len(answers.asked) == 2
    answers.given = [completion("perhaps"), completion("yes")]
    assert asking(answers).judge(FRAMES, "press").success
