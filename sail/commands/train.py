"""`sail train`: base weights from nothing."""

import argparse
from pathlib import Path

from sail import settings
from sail.commands.common import (
    OVERRIDES,
    Command,
    going_on_with,
    overrides_of,
    whole_number,
    writable_folder,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the weights go; what is there is kept"
    )
    parser.add_argument(
        "--data", type=Path, metavar="STORE", help="episodes, collected where missing (default: DIR/episodes)"
    )
    parser.add_argument(
        "--workers", type=whole_number(1), default=2, metavar="N", help="processes to collect"
    )


def run(arguments: argparse.Namespace) -> None:
    """Collect what is missing, then fit autoencoder, planner and inverse dynamics."""
    overrides = overrides_of(arguments.words)
    from sail.report.live import LiveTable
    from sail.train.base import BaseConfig, train_base

    config = settings.construct(BaseConfig, settings.parse_overrides(BaseConfig, overrides))
    out = writable_folder(arguments.out)
    data = arguments.data or out / "episodes"
    title = f"base weights into {out}, from the episodes in {data}"
    with going_on_with("the same command"), LiveTable(title) as live:
        train_base(config, data, out, live, arguments.workers)
    print(f"trained: sail run base={out}")


COMMAND = Command(
    "train", "train base weights: autoencoder, planner, inverse dynamics", OVERRIDES, configure, run
)
