"""`sail train`: base weights from nothing, or the broad autoencoder and the compact prior."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from sail.cli.command import Command, UsageError
from sail.cli.options import OVERRIDES, going_on_with, overrides_of, whole_number, writable_folder
from sail.config.overrides import construct, parse_overrides


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the weights go; what is there is kept"
    )
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        metavar="STORE",
        help="episodes, collected where missing (default: DIR/episodes); with --corpus several, as they are",
    )
    parser.add_argument(
        "--corpus",
        type=Path,
        metavar="DIR",
        help="train autoencoder and prior on this broad corpus instead (and the autoencoder on --data too)",
    )
    parser.add_argument(
        "--workers", type=whole_number(0), default=2, metavar="N", help="processes to collect"
    )


def run(arguments: argparse.Namespace) -> None:
    """Collect what is missing, then fit autoencoder, planner and inverse dynamics."""
    overrides = overrides_of(arguments.words)
    if arguments.corpus is not None:
        _train_broad(arguments, overrides)
        return
    if arguments.data is not None and len(arguments.data) > 1:
        raise UsageError("base weights are trained on one store: give --data once")
    from sail.report.live_table import LiveTable
    from sail.training.autoencoder_fit import OWN
    from sail.training.base_config import base_config
    from sail.training.base_weights import train_base
    from sail.training.checkpointed_fit import NOTHING
    from sail.training.recipes import check_training
    from sail_models.saving import load_model

    config = base_config(overrides)
    if config.autoencoder != OWN:
        load_model(Path(config.autoencoder), "autoencoder")  # before anything is collected
    if config.planner_start != NOTHING:
        load_model(Path(config.planner_start), "planner")
    data = arguments.data[0] if arguments.data else arguments.out / "episodes"
    check_training(config, data)
    out = writable_folder(arguments.out)
    title = f"base weights into {out}, from the episodes in {data}"
    with going_on_with("the same command", out), LiveTable(title) as progress:
        train_base(config, data, out, progress, arguments.workers, print)
    print(f"trained: sail run base={out}")


def _train_broad(arguments: argparse.Namespace, overrides: Sequence[str]) -> None:
    from sail.data.corpus import Corpus
    from sail.data.store import EpisodeStore
    from sail.report.live_table import LiveTable
    from sail.training.autoencoder_fit import OWN
    from sail.training.checkpointed_fit import NOTHING
    from sail.training.prior_fit import BroadConfig, train_broad
    from sail_models.saving import load_model

    config = construct(BroadConfig, parse_overrides(BroadConfig, overrides))
    if config.autoencoder != OWN:
        if arguments.data:
            raise UsageError("--data is for the autoencoder: with another's (autoencoder=) leave it out")
        load_model(Path(config.autoencoder), "autoencoder")  # before the corpus is encoded
    if config.prior_start != NOTHING:
        load_model(Path(config.prior_start), "compact_prior")
    corpus = Corpus(arguments.corpus)
    if not corpus.rows:
        raise UsageError(f"{arguments.corpus} is no corpus: sail collect --source broad makes one")
    stores = [EpisodeStore(path) for path in arguments.data or []]
    for store in stores:
        if not store.records():
            raise UsageError(f"{store.folder} holds no episodes: sail collect fills it")
    out = writable_folder(arguments.out)
    what = "autoencoder and prior" if config.autoencoder == OWN else "prior"
    title = f"{what} into {out}, from {len(corpus.rows)} clips"
    with going_on_with("the same command", out), LiveTable(title) as progress:
        train_broad(config, corpus, stores, out, progress)
    shared = f"{out}/autoencoder" if config.autoencoder == OWN else config.autoencoder
    print(f"trained: sail train autoencoder={shared}, then sail run --prior-path {out}/prior")


COMMAND = Command(OVERRIDES, configure, run)
