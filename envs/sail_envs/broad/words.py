"""The words of the broad corpus: captions in varied English."""

from collections.abc import Mapping, Sequence

from numpy.random import Generator

# {} is the object. The commonest wording comes first, and is drawn most often.
_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "push forward": ("push the {} forward", "push the {} away", "shove the {} ahead", "move the {} forward"),
    "push back": ("pull the {} back", "pull the {} closer", "drag the {} backward", "move the {} back"),
    "push left": ("push the {} to the left", "move the {} left", "shove the {} to the left"),
    "push right": ("push the {} to the right", "move the {} right", "shove the {} to the right"),
    "touch": ("reach the {}", "touch the {}", "go to the {}", "move to the {}"),
    "lift": ("lift the {}", "pick up the {}", "raise the {}", "take the {} up"),
    "press": ("press the {}", "push the {} down", "press the {} down", "hit the {}"),
    "turn left": ("turn the {} to the left", "rotate the {} left", "swing the {} to the left"),
    "turn right": ("turn the {} to the right", "rotate the {} right", "swing the {} to the right"),
    "slide left": ("slide the {} to the left", "slide the {} left", "move the {} to the left"),
    "slide right": ("slide the {} to the right", "slide the {} right", "move the {} to the right"),
    "open": ("open the {}", "pull the {} open", "open up the {}"),
    "close": ("close the {}", "shut the {}", "push the {} shut"),
}
_OPENINGS = ("{}", "{}", "{}", "please {}", "robot, {}", "now {}")


def caption(rng: Generator, motion: str, thing: str) -> str:
    """A sentence for a motion ("push left") with a thing ("red ball")."""
    return varied(rng, _TEMPLATES[motion]).format(thing)


def varied(rng: Generator, wordings: Sequence[str]) -> str:
    """One of several wordings, half of the time the first, some of them politely."""
    wording = wordings[0] if rng.random() < 0.5 else str(rng.choice(wordings))
    opening = "{}" if rng.random() < 0.7 else str(rng.choice(_OPENINGS))
    return opening.replace("{}", wording)


def describe(rng: Generator, colour: str, nouns: tuple[str, ...], alone: bool) -> str:
    """What an object is called. alone: it is the only one of its kind, so that the noun may do."""
    noun = str(rng.choice(nouns))
    if alone and rng.random() < 0.3:
        return noun
    return f"{colour} one" if not alone and rng.random() < 0.08 else f"{colour} {noun}"
