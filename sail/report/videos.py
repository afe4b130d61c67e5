"""The clips of a run: what was imagined beside what was executed."""

from collections.abc import Sequence
from pathlib import Path

from sail.loop.rollout import Outcome
from sail.loop.run_folder import file_errors
from sail.report.media import contact_sheet, write_gif, write_png

CLIPS = 3  # an iteration
FRAMES_PER_SECOND = 8.0
SHEET_FRAMES = 10


def write_videos(media: Path, iteration: int, outcomes: Sequence[Outcome]) -> None:
    """Write the first episodes' clips and one contact sheet as GIF and PNG (see sail.report.page)."""
    with file_errors(media):
        media.mkdir(parents=True, exist_ok=True)
    for index, outcome in enumerate(outcomes[:CLIPS]):
        stem = f"iteration_{iteration:03d}_{index}"
        write_gif(media / f"{stem}_executed.gif", outcome.executed[1:], FRAMES_PER_SECOND)
        if len(outcome.imagined):
            write_gif(media / f"{stem}_imagined.gif", outcome.imagined, FRAMES_PER_SECOND)
    shown = [outcome for outcome in outcomes[:CLIPS] if len(outcome.imagined)]
    if shown:
        rows, labels = [], []
        for outcome in shown:
            ending = "success" if outcome.success else "failure"
            rows += [outcome.imagined[:SHEET_FRAMES], outcome.executed[1 : SHEET_FRAMES + 1]]
            labels += [f"imagined ({ending})", "executed"]
        write_png(media / f"plan_sheet_{iteration:03d}.png", contact_sheet(rows, labels))
