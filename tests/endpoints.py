"""A stand-in for a vision-language model's endpoint, on loopback."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# A status with a body; bytes that are sent as they are; or bytes, and seconds between the bytes that follow.
Answer = tuple[int, bytes] | bytes | tuple[bytes, float]


class Answers(ThreadingHTTPServer):
    """Gives `given`, one after the other. asked: path, headers and body of each question."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.given: list[Answer] = []
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.address = f"http://127.0.0.1:{self.server_address[1]}/v1"

    def __enter__(self) -> "Answers":
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that has left."""


class _Handler(BaseHTTPRequestHandler):
    server: Answers

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, dict(self.headers), body))
        answer = self.server.given.pop(0)
        if isinstance(answer, bytes):
            self.wfile.write(answer)
            return
        first, second = answer
        if isinstance(first, bytes):
            self.wfile.write(first)
            while isinstance(second, float):
                time.sleep(second)
                self.wfile.write(b"x")
            return
        assert isinstance(second, bytes)
        self.send_response(first)
        self.end_headers()
        self.wfile.write(second)

    def log_message(self, *_: object) -> None:
        return


def completion(content: Any, **more: Any) -> tuple[int, bytes]:
    """What an endpoint like OpenAI's answers."""
    return 200, json.dumps({"choices": [{"message": {"content": content, **more}}]}).encode()
