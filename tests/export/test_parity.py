"""An exported folder is compared with its source, without torch, and refused where it differs."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sail.export.folder import SAMPLES, ExportError, Precision, file_hash, read_planner_config, write_config
from sail.export.parity import Samples, check_folder, read_samples, write_samples

from helpers import WITHOUT_TORCH


@pytest.mark.parametrize(
    ("name", "precision", "says"),
    [
        ("actions", "fp32", "actions of .* are 0.0099 off their source"),
        ("moved", "fp32", "moved of .* off their source"),
        ("imagined", "int8", "of the pixels' range off their source's, more than 1%"),
    ],
)
def test_what_is_not_like_its_source_is_refused(
    exported: Path, tmp_path: Path, name: str, precision: Precision, says: str
) -> None:
    folder = Path(shutil.copytree(exported, tmp_path / "altered"))
    samples = read_samples(folder, Samples)
    array = getattr(samples, name)
    changed = np.roll(array, 8, axis=1) if name == "imagined" else array * np.float32(1.01)
    write_samples(folder, replace(samples, **{name: changed}))
    config = read_planner_config(exported)
    hashes = {**config.sha256, SAMPLES: file_hash(folder / SAMPLES)}
    write_config(folder, replace(config, sha256=hashes, precision=precision))
    with pytest.raises(ExportError, match=says):
        check_folder(folder, "cpu")


def test_a_folder_is_checked_without_torch(exported: Path, tmp_path: Path) -> None:
    script = tmp_path / "check.py"
    script.write_text(
        WITHOUT_TORCH + "import json\n"
        "from pathlib import Path\n"
        "from sail.export.parity import check_folder\n"
        "print(json.dumps(check_folder(Path(sys.argv[1]), 'cpu')))\n"
    )
    told = subprocess.run([sys.executable, script, exported], check=True, capture_output=True, text=True)
    assert json.loads(told.stdout) == read_planner_config(exported).parity
