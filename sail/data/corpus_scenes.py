"""The scenes of the broad corpus, which the compact prior is trained on, and their clips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sail.system.workers import in_workers
from sail_envs.broad.clip import Clip
from sail_envs.broad.sawyer import SawyerScene
from sail_envs.broad.table_scene import TableScene
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.panda.panda_tasks import EMBODIMENT

# Clips that are tried in one scene.
TRIES = 20
# One in so many scenes shows a seen task of MetaWorld, the others a table.
_METAWORLD_EVERY = 6
_TABLE = "table"


@dataclass(frozen=True)
class Scene:
    """The scene of one shard. name: "table", or a task of MetaWorld. seed: decides what is in the scene."""

    name: str
    seed: int

    @property
    def shard(self) -> str:
        """The shard's name."""
        return f"{self.name}-{self.seed:05d}"


def scenes(count: int) -> list[Scene]:
    """The first `count` scenes of the corpus; a larger corpus begins with the same ones."""
    seen, every = METAWORLD.seen, _METAWORLD_EVERY
    return [
        Scene(seen[index // every % len(seen)] if index % every == every - 1 else _TABLE, index)
        for index in range(count)
    ]


def generate(wanted: Sequence[Scene], workers: int = 2) -> Iterator[list[Clip]]:
    """Each scene's clips, in the order of the scenes. Raises WorkersError and RenderingError."""
    return in_workers(_clips, wanted, workers)


def _clips(scene: Scene) -> list[Clip]:
    if scene.name == _TABLE:
        made: TableScene | SawyerScene = TableScene(scene.seed, EMBODIMENT.height)
    else:
        made = SawyerScene(scene.name, scene.seed, EMBODIMENT.height)
    clips = (made.clip(number) for number in range(TRIES))
    return [clip for clip in clips if clip is not None]
