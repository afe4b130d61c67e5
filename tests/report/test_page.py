"""The report is whole, harmless and true to results.json: nothing fetched, all escaped, bars to scale."""

import copy
import json
import os
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sail.loop.results import ResultsError
from sail.report.media import gif_data_uri, png_data_uri, write_gif, write_png
from sail.report.page import ReportError, write_report
from sail.types import UInt8

WILSON_50 = {12: [0.143, 0.374], 26: [0.385, 0.652], 39: [0.648, 0.872], 41: [0.692, 0.902]}
SECONDS = [
    {"collect": 0.0, "train": 0.0, "evaluate": 61.0},
    {"collect": 41.0, "train": 33.0, "evaluate": 58.0},
    {"collect": 37.0, "train": 32.0, "evaluate": 51.0},
    {"collect": 35.0, "train": 34.0, "evaluate": 49.0},
]
RESULTS: dict[str, Any] = {
    "schema": 1,
    "preset": "quick",
    "task": "handle-press",
    "prompt": "press the handle down",
    "method": "sail",
    "seed": 3,
    "model": "1f0c77a2",
    "iterations": [
        {
            "iteration": index,
            "episodes": 50,
            "successes": successes,
            "success_rate": successes / 50,
            "ci95": WILSON_50[successes],
            "collected": 30 if index else 0,
            "kept": kept,
            "seconds": SECONDS[index],
        }
        for index, (successes, kept) in enumerate([(12, 0), (26, 9), (39, 16), (41, 23)])
    ],
    "environment": {"python": "3.11.7", "packages": {"torch": "2.13.0"}, "processor": "2 cores", "gpu": None},
}
CONTROL = {
    "method": "random waypoints",
    "successes": 5,
    "episodes": 50,
    "success_rate": 0.1,
    "ci95": [0.043, 0.214],
}
EXTRAS: dict[str, Any] = {
    "monitors": [
        {
            "iteration": 1,
            "planned": {"episodes": 6, "successes": 2},
            "noisy": {"episodes": 6, "successes": 0},
            "random": {"episodes": 18, "successes": 7},
            "repeated": {"episodes": 0, "successes": 0},
            "covered": 417,
            "plan_spread": 0.37,
            "gained": 16,
            "lost": 3,
        }
    ],
    "controls": [CONTROL],
    "probes": [{"name": "perfect plan", "episodes": 50, "success_rate": 0.96, "ci95": [0.865, 0.989]}],
    "text_effect": {
        "rows": [
            {
                "scene": "handle",
                "prompt_a": "press the handle down",
                "prompt_b": "pull the handle up",
                "text_change": 4.2,
                "noise_change": 1.5,
                "ratio": 2.8,
            }
        ]
    },
}
CLIP = np.random.default_rng(0).integers(0, 250, (3, 8, 8, 3), np.uint8)


class Page(HTMLParser):
    """Tags with their attributes, and the text outside <style>."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.cells: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in ("img", "meta"):
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "every tag is closed in its turn"

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.texts.append(data)
        if "td" in self.open and "svg" not in self.open:
            self.cells[-1] += data

    @property
    def text(self) -> str:
        """All the visible text, no-break spaces as plain ones."""
        return " ".join(self.texts).replace("\N{NO-BREAK SPACE}", " ")

    def named(self, tag: str, kind: str | None = None) -> list[dict[str, str]]:
        """Attributes of every `tag`, or of those with the class `kind`."""
        return [
            at
            for name, at in self.tags
            if name == tag and (kind is None or kind in at.get("class", "").split())
        ]


def shown(iteration: int, side: str) -> UInt8:
    """The clip of one side, unlike every other."""
    return CLIP + iteration if side == "imagined" else CLIP[::-1] + iteration


def run_folder(folder: Path, **changes: Any) -> Path:
    """A run folder with clips of iterations 0 and 3, a plan sheet and 12 training losses."""
    (folder / "media").mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps({**copy.deepcopy(RESULTS), **changes}))
    (folder / "config.yaml").write_text("task: handle-press\nprompt: <b>bold</b>\n")
    for iteration in (0, 3):
        for side in ("imagined", "executed"):
            write_gif(folder / f"media/iteration_{iteration:03d}_0_{side}.gif", shown(iteration, side), 10)
    write_png(folder / "media/plan_sheet_003.png", CLIP[0])
    lines = [
        {"event": "train", "iteration": k, "step": s, "values": {"loss": 0.5 / (s + k)}, "seconds": 1.0}
        for k in (1, 2, 3)
        for s in (1, 2, 3, 4)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_the_report_holds_every_number_and_fetches_nothing(tmp_path: Path) -> None:
    path = write_report(run_folder(tmp_path / "run", **EXTRAS))
    assert path == tmp_path / "run/report.html"
    source = path.read_text(encoding="utf-8")
    page = Page(source)
    assert not page.open
    assert (
        "http://" not in source
        and "https://" not in source
        and "url(" not in source
        and "@import" not in source
    )
    assert not {"script", "link", "iframe", "object", "video"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not {"href", "srcset", "poster", "background"} & set(attributes)
        assert attributes.get("src", "data:image/").startswith("data:image/")
    policy = page.named("meta")[1]["content"]
    assert "default-src 'none'" in policy
    cells = [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in page.cells]
    assert cells[:11] == ["0", "50", "12", "24 %", "14 to 37 %", "0", "0", "0", "0", "61", ""]
    assert cells[33:44] == ["3", "50", "41", "82 %", "69 to 90 %", "30", "23", "35", "34", "49", ""]
    assert cells[44:49] == ["this run, iteration 3", "82 %", "", "69 to 90 %", "50"]
    assert cells[49:54] == ["random waypoints", "10 %", "", "4 to 21 %", "50"]
    assert cells[59:64] == ["perfect plan", "96 %", "", "86 to 99 %", "50"]
    assert cells[64:73] == ["1", "2 of 6", "0 of 6", "7 of 18", "–", "417", "37 %", "16", "3"]
    assert cells[73:78] == ["handle", "“press the handle down” / “pull the handle up”", "4.2", "1.5", "2.80"]
    assert cells[cells.index("packages torch") :][:2] == ["packages torch", "2.13.0"]
    assert "24 % → 82 %" in page.text
    assert "From 12 of 50 to 41 of 50 episodes between iteration 0 and 3: +58 points" in page.text
    for fact in ("press the handle down", "sail", "1f0c77a2", "quick"):
        assert fact in page.text


def test_imagined_stands_beside_executed_of_the_same_iteration(tmp_path: Path) -> None:
    page = Page(write_report(run_folder(tmp_path / "run")).read_text(encoding="utf-8"))
    images = [image["src"] for image in page.named("img")]
    clips = [gif_data_uri(shown(k, side), 10) for k in (0, 3) for side in ("imagined", "executed")]
    assert images == [*clips, png_data_uri(CLIP[0])]
    assert [image["alt"] for image in page.named("img")][:2] == ["imagined, clip 0", "executed, clip 0"]
    assert "Iteration 0" in page.text and "Iteration 1" not in page.text


def test_optional_sections_are_there_only_with_their_data(tmp_path: Path) -> None:
    titles = (
        "Controls",
        "Probes",
        "Does the text matter?",
        "Training loss",
        "Imagined and executed",
        "Exploration",
    )
    whole = Page(write_report(run_folder(tmp_path / "whole", **EXTRAS)).read_text(encoding="utf-8")).text
    bare_folder = tmp_path / "bare"
    bare_folder.mkdir()
    (bare_folder / "results.json").write_text(json.dumps(RESULTS))
    bare = Page(write_report(bare_folder).read_text(encoding="utf-8")).text
    for title in titles:
        assert title in whole
        assert title not in bare
    assert "config.yaml is missing" in bare


def test_everything_that_comes_from_files_is_escaped(tmp_path: Path) -> None:
    evil = "<img src=http://x.example/y onerror=alert(1)>\"'&"
    rows = [{**EXTRAS["text_effect"]["rows"][0], "scene": evil, "prompt_a": evil, "prompt_b": evil}]
    changes: dict[str, Any] = {
        **dict.fromkeys(("task", "prompt", "method", "preset", "model", "seed"), evil),
        "controls": [{**CONTROL, "method": evil}],
        "probes": [{**EXTRAS["probes"][0], "name": evil}],
        "text_effect": {"rows": rows},
        "environment": {evil: {evil: evil}},
    }
    folder = run_folder(tmp_path / "run", **changes)
    (folder / "config.yaml").write_text(evil)
    (folder / "media/iteration_000_1_imagined.gif").write_text(evil)
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert len(page.named("img")) == 5
    assert all(image["src"].startswith("data:image/") for image in page.named("img"))
    assert page.text.count(evil) == 16  # title and head 7, tables 5, environment 3, config 1
    assert "iteration_000_1_imagined.gif cannot be read" in page.text
    assert "no clip" in page.text


def test_files_named_by_an_iteration_stay_inside_media(tmp_path: Path) -> None:
    iterations = copy.deepcopy(RESULTS["iterations"])
    iterations[2]["plans"] = ["plans.png", "../secret.png", "absent.png"]
    folder = run_folder(tmp_path / "run", iterations=iterations)
    write_png(folder / "media/plans.png", CLIP[1])
    write_png(folder / "secret.png", CLIP[2])
    images = [image["src"] for image in Page(write_report(folder).read_text(encoding="utf-8")).named("img")]
    assert png_data_uri(CLIP[1]) in images
    assert png_data_uri(CLIP[2]) not in images


def test_a_gain_that_is_not_shown_is_said_to_be_none(tmp_path: Path) -> None:
    two = RESULTS["iterations"][2:]
    text = Page(write_report(run_folder(tmp_path / "a", iterations=two)).read_text(encoding="utf-8")).text
    assert "+4 points (95 % interval −12 to +20)" in text and "a change is not shown" in text
    text = Page(write_report(run_folder(tmp_path / "b")).read_text(encoding="utf-8")).text
    assert "a change is not shown" not in text


def test_a_run_of_one_iteration_has_a_report(tmp_path: Path) -> None:
    one = RESULTS["iterations"][:1]
    text = Page(write_report(run_folder(tmp_path / "run", iterations=one)).read_text(encoding="utf-8")).text
    assert "handle-press:" in text and "→" not in text
    assert "12 of 50 episodes succeeded (95 % interval 14 to 37 %)" in text


def test_a_folder_that_is_no_run_gets_no_report(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="is this a run folder") as caught:
        write_report(tmp_path)
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_report_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_folder(tmp_path / "run")
    (folder / "report.html").write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError, match="No space left on device"):
        write_report(folder)
    monkeypatch.undo()
    assert (folder / "report.html").read_text() == "old"
