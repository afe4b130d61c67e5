"""What every benchmark shares: how a result is written down."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from sail.system.versions import environment_versions

RESULTS = Path(__file__).resolve().parent.parent / "results"


def write_result(name: str, values: dict[str, Any]) -> None:
    """Write results/<name>.json with the command, the commit and the machine beside the values."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=RESULTS.parent, capture_output=True, text=True
    ).stdout.strip()
    script = Path(sys.argv[0]).name
    command = " ".join(["python", f"benchmarks/{script}", *map(_without_folder, sys.argv[1:])])
    content = {"command": command, "commit": commit, "environment": environment_versions(), **values}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    print(f"results/{name}.json")


def _without_folder(word: str) -> str:
    """A path's last name, in `key=path` too: where it lay on this machine is nobody's concern."""
    key, equals, value = word.rpartition("=")
    return key + equals + (Path(value).name if Path(value).is_absolute() else value)
