"""The frames that an exported model is compared on."""

from sail.export.comparison_frames import simulated
from sail_envs.panda.panda_tasks import CUPS


def test_they_are_drawn_from_the_task_and_the_seen_ones_where_no_store_is_given() -> None:
    compared, calibration = simulated(CUPS, "cups-orange", count=10).split(6)
    assert compared.frames.shape == (6, 64, 64, 3) and len(calibration.frames) == 4
    assert compared.frames.std() > 0
    assert {*compared.prompts, *calibration.prompts} <= set(CUPS.tasks.values())
    assert CUPS.tasks["cups-purple"] not in compared.prompts + calibration.prompts
