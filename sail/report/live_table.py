"""What `sail run` prints while it runs: a live table in a terminal, plain lines anywhere else."""

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

BAR_WIDTH = 20  # characters of a success bar
# Plain output reports a stage each time this share of it is done, and at least this often (seconds).
PLAIN_SHARE, PLAIN_EVERY = 0.25, 120.0


class LiveTable:
    """The success table so far and the progress of the current stage; a context manager.

    In a terminal it redraws itself; elsewhere (a pipe, a file, CI) it prints one plain line at a time,
    without control characters.
    """

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        """title: one line above the table. stream: where to print, by default the standard output."""
        self._title = title
        self._stream = sys.stdout if stream is None else stream
        self._console = Console(file=self._stream)
        self._rows: list[Mapping[str, Any]] = []
        self._stage = ""
        self._total = self._done = self._begun = 0
        self._started = self._stage_started = self._reported_at = time.monotonic()
        self._reported = 0.0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task: TaskID | None = None
        terminal = self._stream.isatty() and not self._console.is_dumb_terminal
        self._live = Live(console=self._console, get_renderable=self._render) if terminal else None

    def __enter__(self) -> Self:
        """Begin to draw, or print the title."""
        if self._live is None:
            self._print(self._title)
        else:
            self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the finished table on the screen and give the terminal back."""
        self._clear_stage()
        if self._live is not None:
            self._live.stop()

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """Begin the stage `name` of `total` units (episodes, steps), `done` of them before an interruption;
        the one before it ends."""
        self._clear_stage()
        self._stage, self._total, self._done, self._begun = name, total, done, done
        self._reported = done / total if total else 0.0
        self._stage_started = self._reported_at = time.monotonic()
        if self._live is None:
            self._print(f"{name}: {done}/{total}")
        else:
            self._task = self._progress.add_task(name, total=total, completed=done)

    def advance(self, n: int = 1) -> None:
        """Count `n` more units of the current stage as done."""
        self._done += n
        if self._task is not None:
            self._progress.advance(self._task, n)
        elif self._live is None and self._total:
            self._report_plainly()

    def iteration(self, row: Mapping[str, Any]) -> None:
        """Add a finished iteration. row: an entry of "iterations" in results.json."""
        self._clear_stage()
        self._rows.append(row)
        if self._live is None:
            low, high = row["ci95"]
            self._print(
                f"iteration {row['iteration']}: success {row['successes']}/{row['episodes']} = "
                f"{row['success_rate']:.0%} (95 % interval {low:.0%} to {high:.0%}), "
                f"kept {row['kept']}/{row['collected']}, {_seconds(sum(row['seconds'].values()))}"
            )

    def _clear_stage(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def _report_plainly(self) -> None:
        share, now = self._done / self._total, time.monotonic()
        if share < min(1.0, self._reported + PLAIN_SHARE) and now < self._reported_at + PLAIN_EVERY:
            return
        self._reported, self._reported_at = share, now
        elapsed = now - self._stage_started
        each = elapsed / (self._done - self._begun)
        left = f", {_seconds(each * (self._total - self._done))} left" if share < 1 else ""
        self._print(f"{self._stage}: {self._done}/{self._total} after {_seconds(elapsed)}{left}")

    def _render(self) -> Group:
        table = Table(title=Text(self._title), title_justify="left", caption_justify="left")
        for name in ("iteration", "success", "rate", "95 % interval", ""):
            table.add_column(name, justify="left" if not name else "right", no_wrap=True)
        for name in ("kept", "time"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self._rows:
            table.add_row(*self._cells(row))
        table.caption = Text(f"running for {_seconds(time.monotonic() - self._started)}")
        # Commands other than `sail run` have no iterations to show.
        return Group(table, self._progress) if self._rows else Group(Text(self._title), self._progress)

    def _cells(self, row: Mapping[str, Any]) -> list[Text]:
        low, high = row["ci95"]
        return [
            Text(str(row["iteration"])),
            Text(f"{row['successes']}/{row['episodes']}"),
            Text(f"{row['success_rate']:.0%}", style="bold"),
            Text(f"{low:.0%} to {high:.0%}"),
            self._bar(row["success_rate"]),
            Text(f"{row['kept']}/{row['collected']}"),
            Text(_seconds(sum(row["seconds"].values()))),
        ]

    def _bar(self, share: float) -> Text:
        full, empty = ("#", ".") if self._console.options.ascii_only else ("█", "░")
        filled = round(share * BAR_WIDTH)
        return Text.assemble((full * filled, "green"), (empty * (BAR_WIDTH - filled), "dim"))

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def _seconds(seconds: float) -> str:
    """A duration in words: "41 s", "3 min 05 s"."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"
