"""The README's picture: the frames that a planner imagined, above the frames that the arm then produced.

    sail run --preset quick task=door-close iterations=2 --out runs/door-close
    python benchmarks/plan_picture.py runs/door-close docs/plan.png

The picture shows the first evaluation episode of the last iteration that succeeded and has clips.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from sail.loop.run_folder import open_run
from sail.report.media import contact_sheet
from sail.types import UInt8

COLUMNS, SCALE = 8, 2


def frames_of(path: Path) -> UInt8:
    """A GIF's frames: uint8 (N, H, W, 3) RGB."""
    with Image.open(path) as clip:
        frames = []
        for index in range(getattr(clip, "n_frames", 1)):
            clip.seek(index)
            frames.append(np.asarray(clip.convert("RGB"), np.uint8))
    return np.stack(frames)


def main(run: Path, picture: Path) -> None:
    """Write the picture of a run."""
    folder = open_run(run)
    last = max(row["iteration"] for row in folder.results()["iterations"])
    succeeded = folder.payload(f"evaluate_{last:03d}")["succeeded"]
    stems = [folder.media / f"iteration_{last:03d}_{index}" for index, done in enumerate(succeeded) if done]
    stem = next(stem for stem in stems if Path(f"{stem}_imagined.gif").exists())
    clips = [frames_of(Path(f"{stem}_{kind}.gif")) for kind in ("imagined", "executed")]
    chosen = np.linspace(0, min(map(len, clips)) - 1, COLUMNS).round().astype(int)
    sheet = contact_sheet(
        [clip[chosen] for clip in clips], ["imagined by the planner", "executed by the arm"], SCALE
    )
    Image.fromarray(sheet).quantize(256).save(picture, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
