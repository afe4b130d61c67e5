"""Generating the broad corpus that the compact prior is trained on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sail.system.workers import in_workers
from sail.types import FRAME_SIZE
from sail_envs.broad.clip import Clip
from sail_envs.broad.sawyer import SawyerScene
from sail_envs.broad.table_scene import TableScene
from sail_envs.tasks import SEEN

# Clips that are tried in one scene; one in six scenes is MetaWorld's.
TRIES = 20
_METAWORLD_EVERY = 6


@dataclass(frozen=True)
class Scene:
    """What one shard shows. name: "table" or a MetaWorld task."""

    name: str
    seed: int

    @property
    def shard(self) -> str:
        """The shard's name."""
        return f"{self.name}-{self.seed:05d}"


def scenes(count: int) -> list[Scene]:
    """The first scenes of the corpus; more of them begin with the same ones."""
    metaworld = _METAWORLD_EVERY
    return [
        Scene(SEEN[index // metaworld % len(SEEN)] if index % metaworld == metaworld - 1 else "table", index)
        for index in range(count)
    ]


def generate(wanted: Sequence[Scene], workers: int = 2) -> Iterator[list[Clip]]:
    """The clips of each scene, in order. Raises WorkersError and RenderingError."""
    return in_workers(_clips, wanted, workers)


def _clips(scene: Scene) -> list[Clip]:
    if scene.name == "table":
        made: TableScene | SawyerScene = TableScene(scene.seed, FRAME_SIZE)
    else:
        made = SawyerScene(scene.name, scene.seed, FRAME_SIZE)
    clips = (made.clip(number) for number in range(TRIES))
    return [clip for clip in clips if clip is not None]
