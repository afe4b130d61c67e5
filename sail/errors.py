"""Errors that a user can cause, and how an unknown name is answered. Imports nothing of ours."""

import difflib
from collections.abc import Sequence


class SailError(Exception):
    """Base of every error a user can cause: one line with the cause and the cure."""


def not_found(kind: str, name: str, known: Sequence[str]) -> str:
    """One line for an unknown name: what was given, the nearest valid name, and (if few) what is allowed."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    line = f"unknown {kind} {show(name)}"
    if nearest:
        line += f": the nearest is '{nearest[0]}'"
    return f"{line} (allowed: {', '.join(known)})" if len(known) <= 20 else f"{line}, one of {len(known)}"


def one_line(error: BaseException) -> str:
    """What another library's or a user's code raised, on one line: its kind and its words; the words alone
    of an error of ours."""
    words = str(error) if isinstance(error, SailError) else f"{type(error).__name__}: {error}"
    return " ".join(words.split())


def show(value: object) -> str:
    """A value as it was given, on one line and short."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
