"""Captions say where the end effector went."""

from itertools import product

import numpy as np
import pytest

from sail.data.captions import NOTEWORTHY, motion_caption
from sail.types import Float32
from sail_envs.fetch.fetch_tasks import FETCH
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_models.spaces.text_encoder import TEXT_TOKENS, load_encoder

FAR = 3 * NOTEWORTHY


def caption(positions: Float32) -> str:
    """In MetaWorld's directions."""
    assert METAWORLD.directions is not None
    return motion_caption(positions, METAWORLD.directions)


def path(*moves: tuple[float, float, float]) -> np.ndarray:
    """Nine positions: still, or moved by each of two moves in four equal steps."""
    steps = np.repeat(np.array(moves) / 4, 8 // len(moves), axis=0)
    return np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)]).astype(np.float32) + 0.4


@pytest.mark.parametrize(
    ("move", "words"),
    [
        ((FAR, 0, 0), "move to the right"),
        ((-FAR, 0, 0), "move to the left"),
        ((0, FAR, 0), "move forward"),
        ((0, -FAR, 0), "move backward"),
        ((0, 0, FAR), "move up"),
        ((0, 0, -FAR), "move down"),
        ((0, 2 * FAR, -FAR), "move forward and down"),
        ((FAR, 0, -2 * FAR), "move down and to the right"),
        ((FAR, 3 * FAR, -2 * FAR), "move forward and down"),
    ],
)
def test_one_motion(move: tuple[float, float, float], words: str) -> None:
    assert caption(path(move, move)) == words


def test_directions_are_the_suites() -> None:
    """Fetch looks along +x, MetaWorld's robot along +y."""
    assert FETCH.directions is not None
    move = (FAR, -2 * FAR, 0.0)
    assert motion_caption(path(move, move), FETCH.directions) == "move to the right and forward"
    assert caption(path(move, move)) == "move backward and to the right"


def test_two_motions() -> None:
    assert caption(path((0, FAR, -FAR / 2), (0, 0, FAR))) == "move forward and down, then move up"


def test_motion_and_rest() -> None:
    still = (0.0, 0.0, 0.0)
    assert caption(path(still, still)) == "stay where you are"
    assert caption(path((FAR, 0, 0), still)) == "move to the right, then stay"
    assert caption(path(still, (0, 0, -FAR))) == "stay, then move down"


def test_what_is_too_little_to_say() -> None:
    almost, enough = 0.98 * NOTEWORTHY, 1.02 * NOTEWORTHY
    assert caption(path((almost, FAR, 0), (0, FAR, almost))) == "move forward"
    assert caption(path((enough, FAR, 0), (enough, FAR, 0))) == "move forward and to the right"


def test_an_episode_of_one_frame_stays() -> None:
    assert caption(np.zeros((1, 3), np.float32)) == "stay where you are"


def test_no_caption_is_too_long_for_the_text_encoder() -> None:
    tokenizer, _ = load_encoder()
    for halves in product(product((-FAR, 0, FAR), (-2 * FAR, 0, 2 * FAR), (-FAR / 2, 0, FAR / 2)), repeat=2):
        words = caption(path(*halves))
        assert len(tokenizer(words)["input_ids"]) <= TEXT_TOKENS, words
