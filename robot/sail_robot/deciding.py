"""What the controller does with a policy instead of plans: one chunk after another from what is seen."""

from pathlib import Path

from sail.embodiment import Embodiment
from sail.types import Float32, UInt8
from sail_models.interfaces import Deciding, check_prompts
from sail_robot.acting import Playing


def load_exported_policy(folder: str) -> tuple[Deciding, Embodiment]:
    """What `sail export` wrote into a folder, on one thread. Raises SailError."""
    from sail.export.runtime import ExportedPolicy

    policy = ExportedPolicy(Path(folder), threads=1)
    return policy, policy.embodiment


class Decider:
    """Ask it for one action every control step. seconds: of a control step. Raises PromptError for an empty
    prompt."""

    def __init__(self, policy: Deciding, prompt: str, seconds: float) -> None:
        self._policy, self._playing, self._chunks = policy, Playing(seconds), 0
        self.ask(prompt)

    def ask(self, prompt: str) -> None:
        """Do this from the next chunk on. Raises PromptError."""
        check_prompts([prompt])
        self._prompt = prompt

    def forget(self, now: float) -> None:
        """Decide anew: an attempt begins."""
        self._playing.stop()

    def act(self, now: float, frame: UInt8, proprioception: Float32) -> Float32 | None:
        """The action for now, float32 (4,). frame: uint8 (S, S, 3). proprioception: float32 (4,)."""

        def next_chunk() -> Float32 | None:
            self._chunks += 1
            seen = frame[None], [self._prompt], proprioception[None]
            return self._policy.decide(*seen, [self._chunks])[0]

        return self._playing.act(now, next_chunk)
