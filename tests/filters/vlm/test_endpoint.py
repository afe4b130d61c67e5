"""Every way in which an endpoint fails, on loopback: what may pass is tried again, the rest is one line."""

import json
import time
from typing import Any

import pytest

from sail.filters.vlm import endpoint as asked
from sail.filters.vlm.endpoint import KEY, Endpoint, EndpointError

from endpoints import Answers, completion
from helpers import assert_one_line

BODY = {"model": "eyes", "temperature": 0.0, "messages": []}


def ask(answers: Answers, **changes: Any) -> str:
    return Endpoint(answers.address, **{"timeout": 5.0, "retries": 1, **changes}).ask(BODY)


def refused(answers: Answers, *said: str, **changes: Any) -> None:
    with pytest.raises(EndpointError) as error:
        ask(answers, **changes)
    assert_one_line(error, "gave no answer", *said)


def test_a_list_of_parts_is_one_text(answers: Answers) -> None:
    answers.given = [completion([{"type": "text", "text": "Y"}, {"type": "text", "text": "es"}])]
    assert ask(answers) == "Yes"


@pytest.mark.parametrize(
    "trouble",
    [
        (503, b"busy"),
        (429, b"slowly"),
        (200, json.dumps({"error": {"code": 429, "message": "slowly"}}).encode()),
        (200, b"<html>gateway</html>"),
        (200, b'data: {"choices": []}\n\n'),
        b"not HTTP at all\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"",
    ],
)
def test_what_may_pass_is_tried_again(answers: Answers, trouble: Any) -> None:
    answers.given = [trouble, completion("yes")]
    assert ask(answers) == "yes"
    answers.given = [trouble, trouble]
    refused(answers, "vlm.endpoint", "what is collected is kept")
    assert len(answers.asked) == 4


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ((401, b"who are you"), "HTTP 401"),
        ((200, json.dumps({"error": {"code": 400, "message": "no such model"}}).encode()), "no such model"),
        ((200, b'{"choices": []}'), "no completion"),
        ((200, b"[]"), "no completion"),
        (completion(None, reasoning_content="it moved"), "reasoning alone"),
        ((200, b" " * (2**22 + 1)), "more than 4 MiB"),
    ],
)
def test_a_refusal_is_one_line(answers: Answers, trouble: Any, said: str) -> None:
    answers.given = [trouble, trouble]
    refused(answers, said)


def test_a_refusal_is_not_tried_again(answers: Answers) -> None:
    answers.given = [(403, b"no")]
    refused(answers, "HTTP 403", retries=5)
    assert len(answers.asked) == 1


def test_a_temperature_that_is_refused_is_left_out(answers: Answers) -> None:
    trouble = (400, b'{"error": {"message": "this model does not support temperature 0"}}')
    answers.given = [trouble, completion("yes"), completion("no")]
    endpoint = Endpoint(answers.address, 5.0, 0)
    assert (endpoint.ask(BODY), endpoint.ask(BODY)) == ("yes", "no")
    assert ["temperature" in body for _, _, body in answers.asked] == [True, False, False]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nothing_is_sent_elsewhere(answers: Answers, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv(KEY, "secret")
    elsewhere = f"{answers.address}/elsewhere"
    answers.given = [
        f"HTTP/1.1 {status} Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode()
    ]
    refused(answers, str(status), elsewhere, retries=5)
    assert len(answers.asked) == 1


@pytest.mark.parametrize("drip", ["body", "headers"])
def test_an_answer_that_drips_has_a_deadline(answers: Answers, drip: str) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if drip == "body" else b"")
    answers.given = [(head, 0.1)]
    begun = time.monotonic()
    refused(answers, "nothing within 0.5 s", timeout=0.5, retries=0)
    assert time.monotonic() - begun < 3.0


def test_a_server_says_how_long_to_wait(answers: Answers) -> None:
    answers.given = [b"HTTP/1.1 429 No\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", completion("yes")]
    begun = time.monotonic()
    assert ask(answers) == "yes"
    assert time.monotonic() - begun > 1.0


def test_the_key_is_stripped_sent_and_never_shown(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "secret-key\r\n")
    answers.given = [completion("yes")]
    ask(answers)
    assert answers.asked[0][1]["Authorization"] == "Bearer secret-key"
    for trouble in ((401, b"wrong key " + b"." * 170 + b"secret-key"), (200, b'{"error": "secret-key"}')):
        answers.given = [trouble, trouble]
        with pytest.raises(EndpointError) as error:
            ask(answers)
        assert "secr" not in str(error.value)
    monkeypatch.setenv(KEY, "sécret")
    with pytest.raises(EndpointError) as error:
        ask(answers)
    assert_one_line(error, KEY)
    assert "cret" not in str(error.value)


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc",
        "127.0.0.1:8000",
        "http://",
        "http://host:port/v1",
        "http://host:99999/v1",
        "http://[::1/v1",
        "http://host/ä",
        "http://host /v1",
        "http://host/v1\n",
        "http://me:secret@host/v1",
        "http://host/v1?key=secret",
    ],
)
def test_an_address_is_checked_before_anything_is_asked(address: str) -> None:
    with pytest.raises(EndpointError) as error:
        Endpoint(address, 1.0, 0)
    assert_one_line(error, "vlm.endpoint")
    assert "secret" not in str(error.value)


def test_nobody_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "_WAIT", 0.01)
    with pytest.raises(EndpointError) as error:
        Endpoint("http://127.0.0.1:9/v1", 5.0, 1).ask(BODY)
    assert_one_line(error, "http://127.0.0.1:9/v1", "gave no answer")
