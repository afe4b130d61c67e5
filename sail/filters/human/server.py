"""The labelling page's server. It listens on this machine's own address and serves nothing else."""

import json
import sys
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.human.labels import LABELS, Label, LabelsError, add_label, read_labels
from sail.types import UInt8

ADDRESS = "127.0.0.1"
# Control steps from one frame that is shown to the next.
SHOWN_EVERY = 4
# A browser loads nothing from elsewhere, and no other page frames this one.
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
_PAGE = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
_LONGEST = 10_000


def ask_people(
    store: EpisodeStore,
    episodes: Sequence[EpisodeRecord],
    path: Path,
    port: int,
    told: Callable[[str], None],
) -> dict[str, Label]:
    """Serve the page until every episode has a label and a person presses finish; return the labels.

    path: file of the labels; an episode with a label in it is not asked about again. port: 0 means any free
    one. told: called with a line that has the page's address. Raises LabelsError.
    """
    ids = [episode.id for episode in episodes]
    if len(read_labels(path, ids)) < len(ids):
        try:
            server = _Server(store, episodes, path, port)
        except OSError as error:
            raise LabelsError(
                f"cannot serve a page on port {port}: {error.strerror}; choose another human.port"
            ) from error
        with server:
            told(f"label {len(ids)} episodes at http://{ADDRESS}:{server.server_port}/")
            while not server.finished:
                server.handle_request()
    return read_labels(path, ids)


def film(frames: UInt8) -> bytes:
    """Frames uint8 (N, H, W, 3) RGB, side by side in one PNG."""
    strip = np.concatenate(list(frames), axis=1)
    _, data = cv2.imencode(".png", np.ascontiguousarray(strip[..., ::-1]))
    return data.tobytes()


class _Server(ThreadingHTTPServer):
    """Answers each connection by itself: one that asks half a question holds up no other."""

    timeout = 0.2
    daemon_threads = True

    def __init__(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord], path: Path, port: int) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.store, self.episodes, self.path = store, episodes, path
        self.finished = False
        self._writing = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has left is no news; anything else is."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def label(self, episode: EpisodeRecord, label: Label) -> None:
        """Write down a label."""
        with self._writing:
            add_label(self.path, episode.id, label)

    def labels(self) -> dict[str, Label]:
        """The labels so far."""
        return read_labels(self.path, [episode.id for episode in self.episodes])


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    # A browser may open connections that it asks nothing on.
    timeout = 5.0

    def do_GET(self) -> None:
        """The page, its list of episodes, and their films."""
        if not self._is_ours():
            return self.send_error(HTTPStatus.FORBIDDEN)
        if self.path in _PAGE:
            name, kind = _PAGE[self.path]
            self._answer(files("sail.filters.human").joinpath(name).read_bytes(), kind)
        elif self.path == "/episodes":
            labels = self.server.labels()
            rows = [
                {"prompt": one.prompt, "label": labels.get(one.id), "frames": len(_shown(one))}
                for one in self.server.episodes
            ]
            self._answer(json.dumps(rows).encode(), "application/json")
        elif (episode := self._episode(self.path.removeprefix("/films/"))) is not None:
            self._answer(film(self.server.store.read_clip(episode.id, _shown(episode))), "image/png")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """A label, or the end of labelling."""
        # Another site's page cannot send this type without asking first, and nobody answers that.
        if not self._is_ours() or self.headers.get("Content-Type") != "application/json":
            return self.send_error(HTTPStatus.FORBIDDEN)
        try:
            length = int(self.headers["Content-Length"])
            if not 0 < length <= _LONGEST:
                raise ValueError
            said = json.loads(self.rfile.read(length))
            episode, label = self._episode(str(said.get("episode"))), said.get("label")
        except (ValueError, TypeError, AttributeError, RecursionError):
            return self.send_error(HTTPStatus.BAD_REQUEST)
        if self.path == "/labels" and episode is not None and label in LABELS:
            self.server.label(episode, label)
        elif self.path == "/finish" and len(self.server.labels()) == len(self.server.episodes):
            self.server.finished = True
        else:
            return self.send_error(HTTPStatus.BAD_REQUEST)
        self._answer(b"{}", "application/json")

    def _is_ours(self) -> bool:
        """Whether the browser asked by this machine's own address. Another site's name may lead here, too."""
        own = {f"{name}:{self.server.server_port}" for name in (ADDRESS, "localhost")}
        return self.headers.get("Host") in own

    def _episode(self, number: str) -> EpisodeRecord | None:
        place = int(number) if number.isdecimal() else len(self.server.episodes)
        return self.server.episodes[place] if place < len(self.server.episodes) else None

    def _answer(self, content: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: the screen is the loop's."""


def _shown(episode: EpisodeRecord) -> list[int]:
    """Indices of the frames that the page shows: every few control steps, and the last."""
    return [*range(0, episode.length, SHOWN_EVERY), episode.length]
