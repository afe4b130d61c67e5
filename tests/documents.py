"""The documents as tests read them: their pages, links, paths, and the commands in their blocks."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
# They lie beside the weights that ship.
CARDS = sorted((ROOT / "models" / "sail_models" / "pretrained").glob("*/README.md"))

# A command under one of them is not run here: on its line, or in the sentence before its block.
MARKS = ("(needs a GPU)", "(needs ROS 2)", "(needs an arm)", "(takes hours)", "(takes minutes)")
# Files of the repository begin with one of these.
FOLDERS = {"sail", "envs", "models", "robot", "launch", "tests", "benchmarks", "results", "docs", "examples"}
ROOT_FILES = {"Makefile", "pyproject.toml", "constraints.txt", "LICENSE"}


@dataclass(frozen=True)
class Command:
    """One command of a page. words: without variables and comment. marked: it needs what is not here."""

    page: Path
    line: int
    words: tuple[str, ...]
    marked: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {shlex.join(self.words)}"


@dataclass(frozen=True)
class Block:
    """A block of code. language: after its fence, "" where nothing is said or the block is indented. line: of
    its first one. before: the prose line above."""

    language: str
    line: int
    lines: tuple[str, ...]
    before: str


def blocks(text: str) -> tuple[list[Block], list[str]]:
    """The blocks of code in a page, fenced or indented after an empty line, and the lines of prose."""
    found: list[Block] = []
    prose: list[str] = []
    lines = text.splitlines()
    at, before = 0, ""
    while at < len(lines):
        line, first = lines[at], at + 2
        if line.lstrip().startswith("```"):
            end = next(n for n in range(at + 1, len(lines)) if lines[n].lstrip().startswith("```"))
            found.append(Block(line.strip().strip("`"), first, tuple(lines[at + 1 : end]), before))
            at = end + 1
        elif line.startswith("    ") and (at == 0 or not lines[at - 1].strip()):
            end = next((n for n in range(at, len(lines)) if not lines[n].startswith("    ")), len(lines))
            found.append(Block("", at + 1, tuple(lines[at:end]), before))
            at = end
        else:
            prose.append(line)
            before = line or before
            at += 1
    return found, prose


def commands(page: Path) -> Iterator[Command]:
    """Every command in the page's blocks, `a && b` as two, a line that ends in a backslash with the next."""
    for block in blocks(page.read_text(encoding="utf-8"))[0]:
        if block.language == "python":
            continue
        joined = ""
        for number, line in enumerate(block.lines, block.line):
            joined += line.strip()
            if joined.endswith("\\"):
                joined = joined[:-1]
                continue
            marked = any(mark in joined or mark in block.before for mark in MARKS)
            for part in _split(joined):
                yield Command(page, number, tuple(part), marked)
            joined = ""


def _split(line: str) -> Iterator[list[str]]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # a drawing, not a command
        return
    part: list[str] = []
    for word in [*words, "&&"]:
        if word != "&&":
            part.append(word.removeprefix(".venv/bin/"))
        elif part:
            yield part
            part = []


def links(text: str) -> Iterator[str]:
    """The targets of links and pictures that lie in the repository."""
    prose = "\n".join(blocks(text)[1])
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(text: str) -> set[str]:
    """What headings are linked by, as GitHub makes them."""
    headings = [
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()) for line in blocks(text)[1] if line[:1] == "#"
    ]
    return {heading.strip().replace(" ", "-") for heading in headings}


def paths(text: str) -> Iterator[str]:
    """What stands in backticks and looks like a file or folder of the repository. `yours` is nobody's."""
    for word in re.findall(r"`([^`\s]+)`", "\n".join(blocks(text)[1])):
        inside = (
            word.partition("/")[0] in FOLDERS and "/" in word and not re.search(r"-v\d|yours|[A-Z…]{3}", word)
        )
        if inside or word in ROOT_FILES:
            yield word


def word_count(text: str) -> int:
    """Words: whatever holds a letter or a digit."""
    return sum(any(map(str.isalnum, word)) for word in text.split())


def hashes(text: str) -> list[str]:
    """What looks like a commit: 7 to 40 digits from 0 to f, of which some are letters and some are not."""
    return [
        word
        for word in re.findall(r"\b[0-9a-f]{7,40}\b", text)
        if any(map(str.isdigit, word)) and any(map(str.isalpha, word))
    ]
