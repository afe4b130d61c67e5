"""A checked file is whole or refused."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sail.system.checksums import read_checked, sha256, write_checked
from sail.system.files import FileError


def test_the_empty_content_has_the_known_sum() -> None:
    assert sha256(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_bit_flips_silently(content: bytes, place: float, bit: int, tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_checked(path, content)
    assert read_checked(path, FileError, "") == content
    broken = bytearray(path.read_bytes())
    broken[int(place * len(broken))] ^= 1 << bit
    for damaged in (broken, broken[: int(place * len(broken))]):
        path.write_bytes(damaged)
        with pytest.raises(FileError, match="damaged"):
            read_checked(path, FileError, "train again")
