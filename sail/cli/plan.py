"""`sail plan`: a frame and a prompt in, an imagined clip out."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sail.cli.command import Command, UsageError
from sail.cli.options import (
    OVERRIDES,
    add_config_options,
    config_of,
    overrides_of,
    tasks_of,
    whole_number,
    writable_folder,
)
from sail.errors import SailError
from sail.system.reading import read_file

if TYPE_CHECKING:
    from sail.types import UInt8

ENLARGED = 4


class ImageError(SailError):
    """An image that cannot be read."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config_options(parser)
    parser.add_argument(
        "--image", type=Path, metavar="FILE", help="the frame to plan from: the middle of any picture"
    )
    parser.add_argument("--task", metavar="NAME", help="plan from the first frame of this task instead")
    parser.add_argument("--prompt", metavar="TEXT", help="what to do (with --task its own prompt by default)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="plan.mp4, .gif, plan_sheet.png"
    )
    parser.add_argument("--base", metavar="NAME", help="shipped weights, or a folder (default: base)")
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, metavar="N", help="of the noise, and of --task's episode"
    )


def run(arguments: argparse.Namespace) -> None:
    """Plan once and write the clip."""
    overrides = overrides_of(arguments.words)
    config = config_of(arguments, overrides)
    for override in overrides:
        if not override.startswith(("planner.", "prior.", "suite=")):
            raise UsageError(f"a plan depends on planner.*, prior.* and suite alone, not on '{override}'")
    frame, prompt = _first_frame(arguments, config.suite)
    out = writable_folder(arguments.out)
    import numpy as np

    from sail.data.crop import crop
    from sail.loop.agent import load_agent, sampling_of
    from sail.report.clips import FRAMES_PER_SECOND
    from sail.report.media import contact_sheet, upscale, write_gif, write_mp4, write_png

    print(f"'{prompt}' into {out}", flush=True)
    agent = load_agent(replace(config, base=arguments.base or config.base))
    seen = agent.inverse_dynamics.config
    frame = crop(frame, seen.height, seen.width)
    plan = agent.video_planner.plan(frame[None], [prompt], [arguments.seed], sampling_of(config))
    clip = np.concatenate([frame[None], plan.frames[0]])
    write_mp4(out / "plan.mp4", clip, FRAMES_PER_SECOND, ENLARGED)
    write_gif(out / "plan.gif", upscale(clip, ENLARGED), FRAMES_PER_SECOND)
    write_png(out / "plan_sheet.png", contact_sheet([clip], [prompt]))
    print(f"imagined {len(clip) - 1} frames: {out / 'plan.gif'}, plan.mp4 and plan_sheet.png")


def _first_frame(arguments: argparse.Namespace, suite: str) -> "tuple[UInt8, str]":
    """The frame to plan from and the prompt."""
    if (arguments.image is None) == (arguments.task is None):
        raise UsageError("give a frame to plan from: either --image FILE or --task NAME")
    if arguments.image is not None:
        if not arguments.prompt:
            raise UsageError("an image says not what to do: give --prompt TEXT")
        return read_image(arguments.image), arguments.prompt
    (task, *others) = tasks_of(arguments.task, suite)
    if others:
        raise UsageError(f"--task takes one task, not '{arguments.task}'")
    from sail_envs.environment import TaskEnv
    from sail_envs.rendering import choose_backend

    choose_backend()  # before MuJoCo is imported
    environment = TaskEnv(task, suite)
    return environment.reset(seed=arguments.seed)[0]["frame"], arguments.prompt or environment.prompt


def read_image(path: Path) -> "UInt8":
    """An image file: uint8 (H, W, 3) RGB. Raises ImageError."""
    import cv2
    import numpy as np

    content = read_file(path, ImageError, "read the image")
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise ImageError(f"{path} is no image that OpenCV reads: give a PNG or JPEG file")
    return np.ascontiguousarray(image[..., ::-1], dtype=np.uint8)


COMMAND = Command(OVERRIDES, configure, run)
