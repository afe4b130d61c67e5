"""The live table: drawn in a terminal, plain lines anywhere else."""

import io
import re
from typing import Any

import pytest

from sail.report.live_table import BAR_WIDTH, LiveTable

ROW = {
    "iteration": 1,
    "episodes": 50,
    "successes": 31,
    "success_rate": 0.62,
    "ci95": [0.482, 0.741],
    "collected": 30,
    "kept": 17,
    "seconds": {"collect": 40.2, "train": 31.0, "evaluate": 62.4},
}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say that it is a terminal."""
        return True


def show(stream: io.StringIO) -> str:
    with LiveTable("handle-press, method sail, seed 0", stream) as live:
        live.stage("collect, iteration 1", 30)
        for _ in range(30):
            live.advance()
        live.stage("train, iteration 1", 200)
        live.advance(100)
        live.iteration(ROW)
    return stream.getvalue()


def test_plain_output_is_lines_without_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as CI services set it
    text = show(io.StringIO())
    assert text.isascii()
    assert "\x1b" not in text and "\r" not in text
    assert text.splitlines()[0] == "handle-press, method sail, seed 0"
    assert (
        "iteration 1: success 31/50 = 62% (95 % interval 48% to 74%), kept 17/30, 2 min 14 s"
        in text.splitlines()
    )


def test_plain_progress_is_reported_by_quarters_with_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("sail.report.live_table.time.monotonic", lambda: now)
    stream = io.StringIO()
    with LiveTable("title", stream) as live:
        live.stage("evaluate", 7)
        for _ in range(7):
            now += 20.0
            live.advance()
    assert stream.getvalue().splitlines()[1:] == [
        "evaluate: 0/7",
        "evaluate: 2/7 after 40 s, 1 min 40 s left",
        "evaluate: 4/7 after 1 min 20 s, 1 min 00 s left",
        "evaluate: 6/7 after 2 min 00 s, 20 s left",
        "evaluate: 7/7 after 2 min 20 s",
    ]


def test_a_long_stage_is_reported_every_two_minutes_and_counts_from_where_it_went_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("sail.report.live_table.time.monotonic", lambda: now)
    stream = io.StringIO()
    with LiveTable("title", stream) as live:
        live.stage("prior", 1000, done=500)
        for _ in range(9):
            now += 30.0
            live.advance(5)
    assert stream.getvalue().splitlines()[1:] == [
        "prior: 500/1000",
        "prior: 520/1000 after 2 min 00 s, 48 min 00 s left",
        "prior: 540/1000 after 4 min 00 s, 46 min 00 s left",
    ]


def terminal_text(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "120", **environment}.items():
        monkeypatch.setenv(name, value)
    return show(Terminal())


def test_a_terminal_gets_the_table_with_a_bar_of_the_right_length(monkeypatch: pytest.MonkeyPatch) -> None:
    text = terminal_text(monkeypatch)
    assert "\x1b[" in text
    final = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    for cell in ("31/50", "62%", "48% to 74%", "17/30", "2 min 14 s"):
        assert cell in final
    assert re.search(r"[█#]+", final.rsplit("48% to 74%")[-1])[0].count("█") == round(0.62 * BAR_WIDTH)  # type: ignore[index]


def test_a_terminal_shows_the_current_stage_and_forgets_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    with LiveTable("title", stream) as live:
        live.stage("collect", 30)
        live.advance(12)
        assert live._live is not None
        live._live.refresh()
        assert re.search(r"collect .*12/30.* left", stream.getvalue())
        before = len(stream.getvalue())
        live.stage("train", 9)
        live._live.refresh()
        assert "collect" not in stream.getvalue()[before:]
        assert "0/9" in stream.getvalue()[before:]


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in terminal_text(monkeypatch, TERM="dumb")


def test_the_terminal_is_given_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    with pytest.raises(KeyboardInterrupt), LiveTable("title", stream) as live:
        live.stage("collect", 30)
        raise KeyboardInterrupt
    text = stream.getvalue()
    assert text.rindex(shown) > text.rindex(hidden)


@pytest.mark.parametrize("total", [0, 1])
def test_a_stage_of_nothing_or_one_does_not_fail(total: int) -> None:
    stream: Any = io.StringIO()
    with LiveTable("title", stream) as live:
        live.stage("collect", total)
        live.advance()
    assert f"collect: 0/{total}" in stream.getvalue()
