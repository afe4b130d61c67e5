"""`sail data`: what an episode store or a corpus holds, and whether it is whole."""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from sail.cli.command import Command, UsageError
from sail.cli.options import add_json_option, only_path
from sail.errors import SailError

if TYPE_CHECKING:
    from sail.data.store import EpisodeRecord

COLUMNS = ("task", "source", "iteration", "success")


class DamageError(SailError):
    """A store of which episodes are missing or damaged."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--verify", action="store_true", help="read every episode and compare its checksum")
    parser.add_argument("--rebuild-index", action="store_true", help="write the index anew from the files")
    add_json_option(parser)


def run(arguments: argparse.Namespace) -> None:
    """List episodes by task, source, iteration and success; with --verify fail if one is damaged."""
    path = only_path(arguments.words, "one episode store or corpus")
    from sail.data.corpus import MANIFEST
    from sail.data.store import EpisodeStore

    if not path.is_dir():
        raise UsageError(f"{path} is no folder: name an episode store")
    if (path / MANIFEST).is_file():
        _run_on_corpus(path, arguments)
        return
    store = EpisodeStore(path)
    if arguments.rebuild_index:
        store.rebuild_index()
    records = store.records()
    if not records and (path / "episodes").is_dir():
        raise UsageError(f"{path} holds no episodes itself: name {path / 'episodes'}")
    problems = store.verify() if arguments.verify else []
    if arguments.json:
        print(json.dumps(_document(records, problems if arguments.verify else None), indent=2))
    else:
        _print_table(path, records)
        for line in problems or (["every episode is whole"] if arguments.verify else []):
            print(line)
    if problems:
        raise DamageError(f"{len(problems)} of {len(records)} episodes in {path} damaged: {problems[0]}")


def _run_on_corpus(path: Path, arguments: argparse.Namespace) -> None:
    """Count the clips, and prove the exclusion rule on the manifest."""
    from sail.data.corpus import Corpus
    from sail_envs.broad.exclusion import broken_rule

    if arguments.rebuild_index:
        raise UsageError(f"{path} is a corpus, which has no index: collect it again instead")
    corpus = Corpus(path)
    counts = Counter((row["arm"], row["motion"]) for row in corpus.rows)
    broken = [rule for row in corpus.rows if (rule := broken_rule(row)) is not None]
    if arguments.verify:
        for shard in sorted(corpus.shards()):
            corpus.frames(shard)
    if arguments.json:
        rows = [{"arm": arm, "motion": motion, "clips": n} for (arm, motion), n in sorted(counts.items())]
        print(json.dumps({"clips": len(corpus.rows), "counts": rows, "exclusion_broken": broken}, indent=2))
    else:
        table = Table(title=f"{len(corpus.rows)} clips in {path}", title_justify="left")
        for name in ("arm", "motion", "clips"):
            table.add_column(name, justify="right" if name == "clips" else "left")
        for (arm, motion), count in sorted(counts.items()):
            table.add_row(arm, motion, str(count))
        Console().print(table)
    if broken:
        raise DamageError(f"{len(broken)} clips in {path} break the exclusion rule: {broken[0]}")
    if not arguments.json:
        print("the exclusion rule holds")


def _counts(records: "Sequence[EpisodeRecord]") -> Counter[tuple[str, str, int, bool]]:
    return Counter((record.task, record.source, record.iteration, record.success) for record in records)


def _document(records: "Sequence[EpisodeRecord]", problems: list[str] | None) -> dict[str, object]:
    """problems: None where nothing was verified."""
    counts = sorted(_counts(records).items())
    rows = [{**dict(zip(COLUMNS, key, strict=True)), "episodes": count} for key, count in counts]
    return {"episodes": len(records), "counts": rows, "problems": problems}


def _print_table(path: Path, records: "Sequence[EpisodeRecord]") -> None:
    table = Table(title=f"{len(records)} episodes in {path}", title_justify="left")
    for name in (*COLUMNS, "episodes"):
        table.add_column(name, justify="left" if name in ("task", "source") else "right")
    for (task, source, iteration, success), count in sorted(_counts(records).items()):
        table.add_row(task, source, str(iteration), "yes" if success else "no", str(count))
    Console().print(table)


COMMAND = Command("STORE", configure, run)
