"""The colours that objects have, by name."""

from collections.abc import Mapping

# RGB, 0..1; each appearance varies them a little.
COLOURS: Mapping[str, tuple[float, float, float]] = {
    "red": (0.8, 0.1, 0.1),
    "green": (0.1, 0.6, 0.15),
    "blue": (0.1, 0.2, 0.8),
    "pink": (0.95, 0.5, 0.7),
    "orange": (0.95, 0.5, 0.05),
    "purple": (0.45, 0.1, 0.6),
    "yellow": (0.95, 0.85, 0.1),
    "cyan": (0.1, 0.75, 0.8),
    "brown": (0.4, 0.22, 0.1),
    "white": (0.95, 0.95, 0.95),
    "black": (0.06, 0.06, 0.06),
}
