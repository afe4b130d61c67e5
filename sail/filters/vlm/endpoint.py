"""An endpoint with an API like OpenAI's chat completions: one question, one answer, and every way to fail."""

import http.client
import json
import os
import queue
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, NamedTuple

from sail.errors import SailError
from sail.filters.vlm.verdicts import short

# Where an endpoint wants a key, it is read from here and written nowhere.
KEY = "SAIL_VLM_KEY"
# Statuses after which another try may succeed: the server's own time limit, too many requests, and the
# server's own faults.
_TIMED_OUT, _TOO_MANY, _SERVER = 408, 429, 500
# Seconds before the first other try, doubled before each further one.
_WAIT = 0.5
# Seconds that a server may ask for, at most.
_LONGEST_WAIT = 60.0
# Bytes of an answer.
_LARGEST = 4 * 2**20


class EndpointError(SailError):
    """An endpoint that cannot be reached, or refuses to answer."""


class Failure(NamedTuple):
    """Why there is no completion. passes: whether another try may succeed. status: HTTP's; 0 without one.
    wait: seconds that the server asks for before another try."""

    reason: str
    passes: bool
    status: int = 0
    wait: float = 0.0


class _Stays(urllib.request.HTTPRedirectHandler):
    """Follows to nowhere: the key and the pictures are for one host alone."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Endpoint:
    """Sends questions to one address.

    address: up to /v1. timeout: seconds that an answer may take, from the first byte sent to the last one
    read. retries: further tries after a failure that may pass. Raises EndpointError for an address that is
    none, or a key that cannot be sent.
    """

    def __init__(self, address: str, timeout: float, retries: int) -> None:
        _check_address(address)
        self.url = f"{address.rstrip('/')}/chat/completions"
        self._timeout, self._retries, self._left_out = timeout, retries, False
        self._key = os.environ.get(KEY, "").strip()
        if not all("!" <= sign <= "~" for sign in self._key):
            raise EndpointError(f"{KEY} holds signs that no key has: set it again, without blanks or accents")
        self._opener = urllib.request.build_opener(_Stays)

    def ask(self, body: dict[str, Any]) -> str:
        """The text of the completion that answers `body`. Raises EndpointError.

        A body's temperature is left out from the first answer on that refuses it.
        """
        failure = Failure("", True)
        for attempt in range(self._retries + 1):
            if attempt:
                time.sleep(max(failure.wait, _WAIT * 2 ** (attempt - 1)))
            answer = self._once(body)
            if isinstance(answer, Failure) and "temperature" in answer.reason and answer.status == 400:
                self._left_out = True
                answer = self._once(body)
            if isinstance(answer, str):
                return answer
            failure = answer
            if not failure.passes:
                break
        raise EndpointError(
            f"{self.url} gave no answer ({failure.reason}): start it, or set vlm.endpoint, "
            "vlm.model and vlm.timeout; what is collected is kept"
        )

    def _once(self, body: dict[str, Any]) -> str | Failure:
        """One try, in a thread of its own: a server that sends a byte now and then never times out."""
        sent = {name: value for name, value in body.items() if name != "temperature" or not self._left_out}
        answers: queue.Queue[str | Failure] = queue.Queue()
        threading.Thread(target=lambda: answers.put(self._send(sent)), daemon=True).start()
        try:
            return answers.get(timeout=self._timeout)
        except queue.Empty:
            return Failure(f"nothing within {self._timeout:g} s", True)

    def _send(self, body: dict[str, Any]) -> str | Failure:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self.url, json.dumps(body).encode(), headers)
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return _completion(self._read(response))
        except urllib.error.HTTPError as error:
            with error:
                return self._refusal(error)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            return Failure(short(str(reason)) or type(error).__name__, True)

    def _refusal(self, error: urllib.error.HTTPError) -> Failure:
        if 300 <= error.code < 400:
            there = short(error.headers.get("Location", ""))
            return Failure(f"HTTP {error.code}, which leads to {there}: name that address yourself", False)
        try:
            said = self._read(error).decode(errors="replace")
        except (OSError, http.client.HTTPException, ValueError):
            said = ""
        asked = error.headers.get("Retry-After", "")
        wait = min(float(asked), _LONGEST_WAIT) if asked.isdigit() else 0.0
        return Failure(f"HTTP {error.code}, {short(said)}", _may_pass(error.code), error.code, wait)

    def _read(self, response: Any) -> bytes:
        """A body, without the key. Raises ValueError for one that is too large."""
        body: bytes = response.read(_LARGEST + 1)
        if len(body) > _LARGEST:
            raise ValueError(f"an answer of more than {_LARGEST >> 20} MiB")
        return body.replace(self._key.encode(), b"...") if self._key else body


def _check_address(address: str) -> None:
    """Raises EndpointError."""
    cure = "give an address that begins with http(s)://, as http://127.0.0.1:8000/v1"
    try:
        parts = urllib.parse.urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise EndpointError(f"vlm.endpoint is {address!r} ({error}): {cure}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise EndpointError(f"vlm.endpoint is {address!r}: {cure}")
    if not all("!" <= sign <= "~" for sign in address):
        raise EndpointError(
            f"vlm.endpoint is {address!r}, with a blank or a sign outside ASCII: write such signs as %XX"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise EndpointError(
            "vlm.endpoint names more than scheme, host, port and path: leave the rest out, and give a key in "
            f"{KEY}"
        )


def _may_pass(status: int) -> bool:
    return status in (_TIMED_OUT, _TOO_MANY) or status >= _SERVER


def _completion(body: bytes) -> str | Failure:
    """The text of a completion."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return Failure(f"no JSON but {short(body[:1000].decode(errors='replace'))!r}", True)
    if isinstance(answer, dict) and answer.get("error"):
        error = answer["error"]
        code = str(error.get("code")) if isinstance(error, dict) else ""
        status = int(code) if re.fullmatch(r"\d{3}", code) else 0
        return Failure(f"an error, {short(json.dumps(error))}", not status or _may_pass(status), status)
    try:
        message = answer["choices"][0]["message"]
        content = message.get("content")
    except (LookupError, TypeError, AttributeError):
        return Failure(f"no completion but {short(json.dumps(answer))}", False)
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if isinstance(content, str) and content.strip():
        return content
    reasoned = message.get("reasoning_content") or message.get("reasoning")
    if reasoned:
        return Failure(
            "reasoning alone, the answer itself is empty: let the server give the model more tokens, or "
            "switch its reasoning off",
            False,
        )
    return ""
