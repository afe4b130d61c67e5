"""The broad corpus' scenes: what they show is what their captions say, and never what is evaluated."""

import numpy as np
import pytest

from sail_envs.broad.clip import Clip
from sail_envs.broad.exclusion import KEPT_FROM_PANDA
from sail_envs.broad.kinds import KINDS
from sail_envs.broad.sawyer import SawyerScene
from sail_envs.broad.table_scene import TableScene
from sail_envs.broad.words import _TEMPLATES
from sail_envs.colours import COLOURS
from sail_envs.metaworld.metaworld_tasks import METAWORLD

SIZE = 32


def clips(scene: TableScene | SawyerScene, tries: int = 4) -> list[Clip]:
    made = (scene.clip(number) for number in range(tries))
    return [clip for clip in made if clip is not None]


@pytest.fixture(scope="module")
def scenes() -> list[TableScene]:
    """Compiled, not played."""
    return [TableScene(seed, SIZE) for seed in range(25)]


def test_the_panda_never_meets_what_it_is_evaluated_on(scenes: list[TableScene]) -> None:
    assert {scene.arm_name for scene in scenes} == {"panda", "gripper"}
    assert {KINDS[kind].nouns for kind in KEPT_FROM_PANDA} == {("cup", "mug"), ("drawer",)}
    panda = [scene for scene in scenes if scene.arm_name == "panda"]
    beside = [scene for scene in panda if set(scene.kinds) & set(KEPT_FROM_PANDA)]
    assert beside
    for scene in beside:
        drawn = [
            (kind, colour)
            for seed in range(60)
            for kind, colour in zip(scene.kinds, scene._colours(np.random.default_rng(seed)), strict=True)
        ]
        assert not {(kind, colour) for kind, kept in KEPT_FROM_PANDA.items() for colour in kept} & set(drawn)
        assert {colour for kind, colour in drawn if kind in KEPT_FROM_PANDA} >= {"red", "green", "blue"}


def test_every_motion_has_words() -> None:
    assert {motion for kind in KINDS.values() for motion in kind.motions} <= set(_TEMPLATES)


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_a_clip_shows_its_caption(seed: int, scenes: list[TableScene]) -> None:
    made = clips(scenes[seed])
    assert made
    for clip in made:
        named = clip.things[clip.named]
        assert clip.motion in KINDS[named.kind].motions
        assert len({(thing.kind, thing.colour) for thing in clip.things}) == len(clip.things)
        words = clip.caption.split()
        assert named.colour in words or set(KINDS[named.kind].nouns) & set(words)
        assert not set(words) & (set(COLOURS) - {named.colour})
        assert clip.frames.shape[1:] == (SIZE, SIZE, 3)
        assert np.abs(clip.frames[-1].astype(int) - clip.frames[0]).max() > 60  # something moved
        assert clip.at is None or 0.0 <= min(clip.at) <= max(clip.at) < 1.0
        assert clip.row()["things"][clip.named] == {"kind": named.kind, "colour": named.colour}


@pytest.mark.parametrize("seed", [0, 3, 8, 11])
def test_a_clip_says_where_its_thing_is(seed: int, scenes: list[TableScene]) -> None:
    scene, rng, checked = scenes[seed], np.random.default_rng(seed), 0
    for number in range(len(scene.kinds)):
        _, motion = scene._draw_motion(rng, number)
        scene._draw(rng, motion, number)
        scene._mujoco.mj_forward(scene.model, scene.data)
        before = scene._frame().astype(int)
        for geom in range(scene.model.ngeom):
            if scene.model.geom(geom).name.startswith(f"thing{number}"):
                scene.model.geom_rgba[geom, :3] = 1.0 - scene.model.geom_rgba[geom, :3]
        rows, columns = np.nonzero(np.abs(scene._frame() - before).max(-1) > 20)
        at = scene._in_frame(number)
        if at is None or not len(rows):
            continue  # out of the frame, or behind the arm
        across, down = SIZE * at[0], SIZE * at[1]
        assert columns.min() - 1 <= across <= columns.max() + 2
        assert rows.min() - 1 <= down <= rows.max() + 2
        checked += 1
    assert checked


def test_seeds_decide_a_clip(scenes: list[TableScene]) -> None:
    again = TableScene(1, SIZE)
    clips(scenes[1], 1)  # what ran before plays no part
    for number in (2, 0):
        first, second = scenes[1].clip(number), again.clip(number)
        assert first is not None
        assert second is not None
        assert first.row() == second.row()
        np.testing.assert_array_equal(first.frames, second.frames)


def test_the_sawyer_shows_seen_tasks_repainted() -> None:
    scene = SawyerScene("drawer-close", 5, SIZE)
    first, second = clips(scene, 2)
    assert first.scene == "metaworld/drawer-close"
    assert first.scene.partition("/")[2] in METAWORLD.seen
    # Almost no pixel has the same colour in both: nothing but the arm keeps its own.
    same = (np.abs(first.frames[0].astype(int) - second.frames[0]) < 8).all(-1).mean()
    assert same < 0.3
    plain = scene._env
    plain.simulation.reset(0)
    assert (np.abs(first.frames[0].astype(int) - plain.frame()) < 8).all(-1).mean() < 0.3


def test_only_seen_tasks_are_repainted() -> None:
    with pytest.raises(KeyError):
        SawyerScene("door-close", 0, SIZE)
