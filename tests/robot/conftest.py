"""What the tests of a robot's processes share."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def dds_profile() -> Iterator[None]:
    """DDS as in tests/robot/dds_profile.xml, here and in the processes that are started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", str(Path(__file__).with_name("dds_profile.xml")))
        yield
