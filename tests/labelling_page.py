"""The labelling page's server at work in a thread, as a loop runs it."""

import http.client
import json
import threading
import time
from pathlib import Path

from sail.data.store import EpisodeStore
from sail.filters.human.labels import FILE, Label
from sail.filters.human.server import ask_people

from helpers import make_episode

COUNT, STEPS = 3, 10


class Labelling:
    """Labels so far; `labels` is what the loop got, when the thread has ended."""

    def __init__(self, folder: Path) -> None:
        self.store = EpisodeStore(folder)
        if not self.store.records():
            for seed in range(COUNT):
                self.store.add(make_episode(STEPS, seed))
        self.records, self.path = self.store.records(), folder / FILE
        self.told: list[str] = []
        self.labels: dict[str, Label] = {}
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        ends = time.monotonic() + 10.0
        while not self.told and self.thread.is_alive() and time.monotonic() < ends:
            time.sleep(0.01)

    def _run(self) -> None:
        self.labels = ask_people(self.store, self.records, self.path, 0, self.told.append)

    @property
    def address(self) -> str:
        return self.told[0].split(" at ")[1]

    def ask(
        self, method: str, path: str, content: object = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        host = self.address.removeprefix("http://").rstrip("/")
        connection = http.client.HTTPConnection(host, timeout=10)
        body = None if content is None else json.dumps(content)
        own = {"Content-Type": "application/json"} if method == "POST" else {}
        connection.request(method, path, body, {**own, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())

    def say(self, episode: int, label: str) -> int:
        return self.ask("POST", "/labels", {"episode": str(episode), "label": label})[0]
