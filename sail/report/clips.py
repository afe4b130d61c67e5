"""A run's clips, imagined beside executed: written as GIFs and PNGs, and laid out for the report."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from sail.loop.results import IterationResult
from sail.loop.rollout import Outcome
from sail.report.media import MediaError, contact_sheet, file_data_uri, write_gif, write_png
from sail.report.plots import percent
from sail.system.files import file_errors

CLIPS = 3  # an iteration
FRAMES_PER_SECOND = 8.0
SHEET_FRAMES = 10
PAIR = re.compile(r"iteration_(\d+)_(\d+)_(imagined|executed)\.gif")
SIDES = ("imagined", "executed")


def write_clips(media: Path, iteration: int, outcomes: Sequence[Outcome]) -> None:
    """Write clips and one contact sheet of an evaluation's first episodes, under the names that
    `clips_section` reads. Raises MediaError."""
    with file_errors(media, kind=MediaError):
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


def clips_section(media: Path, iterations: Sequence[IterationResult]) -> str:
    """HTML of every iteration's clips, images as data URIs; "" where media has none.

    media: folder with iteration_KKK_N_imagined.gif and iteration_KKK_N_executed.gif, and optionally
    plan_sheet_KKK.png and the files that an iteration names in its plans. A clip that is missing or
    broken leaves a note in its place.
    """
    available = {path.name: path for path in media.glob("*") if path.suffix in (".gif", ".png")}
    blocks = [block for entry in iterations if (block := _iteration(available, entry))]
    if not blocks:
        return ""
    return (
        '<section><h2>Imagined and executed</h2><p class="soft">Left, the frames the planner imagined; '
        f"right, what the arm did when it followed them.</p>{''.join(blocks)}</section>"
    )


def _iteration(available: Mapping[str, Path], entry: IterationResult) -> str:
    pairs: dict[int, dict[str, Path]] = {}
    for name, path in available.items():
        match = PAIR.fullmatch(name)
        if match and int(match[1]) == entry.iteration:
            pairs.setdefault(int(match[2]), {})[match[3]] = path
    figures = "".join(_pair(number, pairs[number]) for number in sorted(pairs))
    names = [f"plan_sheet_{entry.iteration:03d}.png", *entry.plans]
    sheets = "".join(
        f'<figure class="sheet">{_image(available[name], f"plans of iteration {entry.iteration}")}</figure>'
        for name in dict.fromkeys(names)
        if name in available and not PAIR.fullmatch(name)
    )
    if not figures and not sheets:
        return ""
    if sheets:
        sheets = f"<details><summary>Frame by frame</summary>{sheets}</details>"
    return (
        f"<h3>Iteration {entry.iteration} <small>{percent(entry.rate.value)} success</small></h3>"
        f'<div class="clips">{figures}</div>{sheets}'
    )


def _pair(number: int, sides: Mapping[str, Path]) -> str:
    cells = []
    for side in SIDES:
        picture = _image(sides[side], f"{side}, clip {number}") if side in sides else _missing("no clip")
        cells.append(f"<div>{picture}<figcaption>{side}</figcaption></div>")
    return f'<figure class="pair">{"".join(cells)}</figure>'


def _image(path: Path, text: str) -> str:
    try:
        return f'<img src="{file_data_uri(path)}" alt="{escape(text)}">'
    except MediaError:
        return _missing(f"{path.name} cannot be read")


def _missing(text: str) -> str:
    return f'<div class="missing">{escape(text)}</div>'
