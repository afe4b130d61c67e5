"""What a vision-language model's answer means."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Reasoning ends with one of these; what opens it may be missing, where a server cuts it off.
_REASONED = re.compile(r"</\s*(?:think|thinking|reasoning)\s*>", re.IGNORECASE)
_REASONS = re.compile(r"<\s*(?:think|thinking|reasoning)\s*>", re.IGNORECASE)
_WORD = re.compile(r"\b(yes|no)\b", re.IGNORECASE)
_SAID = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"})
# Characters of an answer that are read: a verdict is short.
_LONGEST = 20_000


@dataclass(frozen=True)
class Verdict:
    """What the model said. success: false, too, where the answer was neither yes nor no; then the reason says
    so."""

    success: bool
    reason: str


def read_verdict(answer: str) -> Verdict | None:
    """The verdict in an answer; None where the answer is neither yes nor no, or both.

    Reasoning is no part of the answer: drafts in it do not count.
    """
    said = _REASONED.split(answer)[-1][-_LONGEST:]
    if _REASONS.search(said):  # cut off within the reasoning
        return None
    found, beside = _objects(said)
    verdicts = [one for one in found if "success" in one]
    if not verdicts:
        return _plain(said)
    opinions = {_truth(one["success"]) for one in verdicts}
    opinions |= {_SAID[word.lower()] for word in _WORD.findall(beside)}
    success = opinions.pop()
    if opinions or success is None:
        return None
    return Verdict(success, f"{'yes' if success else 'no'}: {short(str(verdicts[-1].get('reason', '')))}")


def _plain(text: str) -> Verdict | None:
    """The verdict of an answer that begins with yes or no, and says one of them alone in its first words."""
    words = re.findall(r"\w+", text.lower())[:3]
    said = [_SAID[word] for word in words if word in ("yes", "no")]
    if len(said) != 1 or words[0] not in ("yes", "no"):
        return None
    return Verdict(said[0], short(text))


def short(text: str) -> str:
    """A text on one line, 200 characters at most."""
    return " ".join(text.split())[:200]


def _truth(value: Any) -> bool | None:
    return _SAID.get(str(value).strip().lower()) if isinstance(value, bool | int | str) else None


def _objects(text: str) -> tuple[list[dict[str, Any]], str]:
    """The mappings that a text holds, and what stands beside them."""
    found, beside, place = [], [], 0
    for start in _braces(text):
        if start < place:
            continue
        read = _object(text[start:])
        if read is not None:
            found.append(read[0])
            beside.append(text[place:start])
            place = start + read[1]
    return found, " ".join([*beside, text[place:]])


def _braces(text: str) -> Iterator[int]:
    # So many attempts bound the time that a hostile answer takes.
    return (match.start() for match, _ in zip(re.finditer(r"\{", text), range(50), strict=False))


def _object(text: str) -> tuple[dict[str, Any], int] | None:
    """The mapping that a text begins with, and its length: JSON, also with curly quotes, a trailing comma, or
    as Python writes it."""
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(text)  # models break lines within strings
        return (value, end) if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        pass
    plain = text.translate(_QUOTES)
    for close in [match.end() for match in re.finditer(r"\}", plain)][:20]:
        candidate = re.sub(r",\s*\}$", "}", plain[:close])
        for read in (_json, _python):
            value = read(candidate)
            if isinstance(value, dict):
                return value, close
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _python(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
