"""The labelling page's server answers people, whatever else asks."""

import json
import socket
import time
import urllib.error
import urllib.request

import pytest

from helpers import Labelling


def connected(labelling: Labelling) -> socket.socket:
    host, port = labelling.address.removeprefix("http://").rstrip("/").split(":")
    return socket.create_connection((host, int(port)), 5.0)


def asked(labelling: Labelling) -> float:
    """Seconds until the list of episodes is there."""
    begun = time.monotonic()
    with urllib.request.urlopen(labelling.address + "episodes", timeout=10) as answer:
        assert len(json.loads(answer.read())) == 3
    return time.monotonic() - begun


def test_half_a_question_holds_up_nobody(labelling: Labelling) -> None:
    halves = [connected(labelling) for _ in range(10)]
    for half in halves:
        half.sendall(b"POST /labels HTTP/1.1\r\nContent-Length: 100\r\n")
    assert asked(labelling) < 2.0
    for half in halves:
        half.close()


@pytest.mark.parametrize("length", ["-1", "0", "99999999999", "x", "1e3"])
def test_a_body_of_no_size_or_of_too_much_is_refused(labelling: Labelling, length: str) -> None:
    host = labelling.address.removeprefix("http://").rstrip("/")
    with connected(labelling) as client:
        client.sendall(
            f"POST /labels HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\n\r\n".encode()
        )
        assert b" 400 " in client.recv(1000)


def test_json_that_is_too_deep_is_refused(labelling: Labelling) -> None:
    body, kind = b"[" * 9_999, {"Content-Type": "application/json"}
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(urllib.request.Request(labelling.address + "labels", body, kind), timeout=5)
    assert error.value.code == 400 and asked(labelling) < 2.0
