"""A vision-language model is asked over HTTP; a stand-in on loopback answers, or does not."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np
import pytest

from sail.config.schema import VlmConfig
from sail.filters import vlm
from sail.filters.vlm import EndpointError, judge, read_verdict

from helpers import assert_one_line

FRAMES = np.zeros((3, 64, 64, 3), np.uint8)
FRAMES[2, :, :, 0] = 255  # red


class Endpoint(ThreadingHTTPServer):
    """Answers with what it is given, one after the other: a status, a float's seconds of silence, a text."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[str | int | float] = []
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    def config(self, **changes: Any) -> VlmConfig:
        address = f"http://127.0.0.1:{self.server_address[1]}/v1"
        return VlmConfig(**{"endpoint": address, "model": "eyes", "timeout": 5.0, "retries": 1, **changes})


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, dict(self.headers), body))
        answer = self.server.answers.pop(0)
        if isinstance(answer, float):
            time.sleep(answer)
            return
        content = (
            {"choices": [{"message": {"content": answer}}]} if isinstance(answer, str) else {"error": "no"}
        )
        self.send_response(answer if isinstance(answer, int) else 200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(vlm, "_WAIT", 0.01)
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_is_shown_the_frames_and_told_the_task(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(vlm.KEY, "secret")
    endpoint.answers = ['Surely: {"success": true, "reason": "the handle\nis down"}']
    verdict = judge(endpoint.config(), FRAMES, "press the handle down")
    assert verdict.success and verdict.reason == "yes: the handle is down"
    ((path, headers, body),) = endpoint.asked
    assert path == "/v1/chat/completions" and headers["Authorization"] == "Bearer secret"
    assert body["model"] == "eyes"
    text, *pictures = body["messages"][0]["content"]
    assert "press the handle down" in text["text"] and len(pictures) == 3
    kind, _, data = pictures[2]["image_url"]["url"].partition(",")
    assert kind == "data:image/png;base64"
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (256, 256, 3) and tuple(shown[128, 128]) == (0, 0, 255)  # red, as OpenCV has it


@pytest.mark.parametrize(
    ("answer", "success"),
    [
        ('{"success": false, "reason": "it stands"}', False),
        ('```json\n{"success": true}\n```', True),
        ("Yes. The drawer is open.", True),
        ("**No**, it did not move", False),
        ("Nobody knows.", None),
        ('{"success": "true"}', None),
        ("{broken", None),
        ("", None),
    ],
)
def test_what_answers_mean(answer: str, success: bool | None) -> None:
    verdict = read_verdict(answer)
    assert (verdict.success if verdict else None) is success


def test_nonsense_is_asked_again_and_is_no_success(endpoint: Endpoint) -> None:
    endpoint.answers = ["perhaps", "maybe"]
    verdict = judge(endpoint.config(), FRAMES, "press")
    assert not verdict.success and verdict.reason == "no verdict: maybe" and len(endpoint.asked) == 2
    endpoint.answers = ["perhaps", "yes"]
    assert judge(endpoint.config(), FRAMES, "press").success


@pytest.mark.parametrize("trouble", [503, 429, 0.6])
def test_what_may_pass_is_tried_again(endpoint: Endpoint, trouble: int | float) -> None:
    endpoint.answers = [trouble, "yes"]
    assert judge(endpoint.config(timeout=0.3), FRAMES, "press").success
    endpoint.answers = [trouble, trouble]
    with pytest.raises(EndpointError) as error:
        judge(endpoint.config(timeout=0.3), FRAMES, "press")
    assert_one_line(error, "gave no answer", "vlm.endpoint", "within" if trouble == 0.6 else str(trouble))


def test_a_refusal_is_not_tried_again(endpoint: Endpoint) -> None:
    endpoint.answers = [401]
    with pytest.raises(EndpointError) as error:
        judge(endpoint.config(), FRAMES, "press")
    assert_one_line(error, "HTTP 401")
    assert len(endpoint.asked) == 1


def test_nobody_there_is_one_line(endpoint: Endpoint) -> None:
    with pytest.raises(EndpointError) as error:
        judge(VlmConfig(endpoint="http://127.0.0.1:9/v1", retries=0), FRAMES, "press")
    assert_one_line(error, "http://127.0.0.1:9/v1", "gave no answer", "what is collected is kept")
    with pytest.raises(EndpointError) as wrong:
        judge(VlmConfig(endpoint="file:///etc"), FRAMES, "press")
    assert_one_line(wrong, "http(s)://")


def test_other_json_is_nonsense(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    answered: Callable[[bytes], str] = vlm._content
    assert answered(b'{"choices": []}') == answered(b"<html>") == answered(b"[]") == ""
