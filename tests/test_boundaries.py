"""The rules of the tree: who may import whom, read from every source file's syntax tree, and how files are
named.

Tests may import what they test; every other file is held to the rules.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Folder -> what its modules' names begin with.
SOURCES = {
    "sail": "sail.",
    "envs/sail_envs": "sail_envs.",
    "models/sail_models": "sail_models.",
    "robot": "",
    "launch": "",
    "benchmarks": "",
    "examples": "",
}
# Leaf -> the leaves that it may import. Whoever may not import `sail` may import these.
LEAVES: dict[str, set[str]] = {
    "sail.errors": set(),
    "sail.types": set(),
    "sail.embodiment": {"sail.errors", "sail.types", "sail.system.reading"},
    "sail.system.files": {"sail.errors"},
    "sail.system.reading": {"sail.errors", "sail.system.files"},
    "sail.system.plugins": {"sail.errors"},
}
OURS = {"sail", "sail_envs", "sail_models", "sail_robot"}
FOLDERS = {"envs", "models", "robot"}  # never import names
ROS = {
    "rclpy", "rosidl_runtime_py", "rosbag2_py", "cv_bridge", "image_transport", "message_filters",
    "tf_transformations", "controller_manager", "ament_index_python", "launch", "launch_ros",
    "launch_testing", "ros2cli", "moveit", "moveit_py",
}  # fmt: skip
ROS_ENDINGS = ("_msgs", "_srvs", "_interfaces")
LAUNCH_FILES_MAY = {"launch", "launch_ros", "ament_index_python"}


def imports(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything a file imports, `from a import b` as a.b.

    package: dotted name of the package that holds the file, for relative imports.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".") if node.level else []
            base = parents[: len(parents) - node.level + 1]
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("import_module", "__import__"):
                yield node.lineno, str(node.args[0].value)


def within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def is_leaf(name: str, leaves: set[str]) -> bool:
    return any(within(name, leaf) for leaf in leaves)


def is_ros(name: str) -> bool:
    top = name.partition(".")[0]
    return top in ROS or top.startswith("tf2_") or top.endswith(ROS_ENDINGS)


def broken_rule(path: str, name: str) -> str | None:
    """Which rule an import of `name` in the file `path` (relative to the root) breaks, if any."""
    file = path.rpartition("/")[2]
    top = name.partition(".")[0]
    if top in FOLDERS:
        return "envs, models and robot are folders, not packages"
    if within(name, "sail.cli") and not path.startswith(("sail/cli/", "sail/__main__.py")):
        return "nothing imports cli"
    if path == "sail/__init__.py":
        # Names of ours are for the type checker alone: tests/test_face.py sees what is imported.
        allowed = top in OURS or top in ("importlib", "os", "typing")
        return None if allowed else "sail/__init__.py imports nothing"
    leaf = path.removesuffix(".py").replace("/", ".")
    if leaf in LEAVES and top in OURS and not is_leaf(name, LEAVES[leaf]):
        return "a leaf imports no more than leaves below it"
    for folder, own in (("envs/sail_envs/", "sail_envs"), ("models/sail_models/", "sail_models")):
        if path.startswith(folder) and top in OURS and top != own and not is_leaf(name, set(LEAVES)):
            return f"{own} imports nothing of ours but the leaves"
    if path.startswith(("sail/training/", "sail/loop/")) and within(name, "sail.report"):
        return "training and loop never import report"
    may = path.startswith("robot/sail_robot/nodes/") or path == "robot/sail_robot/messages.py"
    if path.startswith("launch/") and file.endswith(".launch.py"):
        may = may or top in LAUNCH_FILES_MAY
    if is_ros(name) and not may:
        return "only nodes and messages import ROS"
    return None


def violations(root: Path) -> list[str]:
    found = []
    for folder, prefix in SOURCES.items():
        for file in sorted((root / folder).rglob("*.py")):
            inside = file.relative_to(root / folder).parent.parts
            package = ".".join([*([prefix.rstrip(".")] if prefix else []), *inside])
            path = file.relative_to(root).as_posix()
            for line, name in imports(file.read_text(encoding="utf-8"), package):
                rule = broken_rule(path, name)
                if rule:
                    found.append(f"{path}:{line} imports {name}: {rule}")
    return found


def test_the_import_rules_hold() -> None:
    assert violations(ROOT) == []


def python_files(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


def test_no_basename_is_there_twice_but_a_command_and_its_subject() -> None:
    named: dict[str, list[str]] = defaultdict(list)
    for file in python_files(*SOURCES, "tests"):
        path = file.relative_to(ROOT).as_posix()
        if file.name not in ("__init__.py", "__main__.py") and not path.startswith(
            ("sail/cli/", "tests/cli/")
        ):
            named[file.name].append(path)
    assert [paths for paths in named.values() if len(paths) > 1] == []


def test_no_file_is_longer_than_350_lines() -> None:
    lines = {
        file: len(file.read_text(encoding="utf-8").splitlines()) for file in python_files(*SOURCES, "tests")
    }
    assert [f"{file.relative_to(ROOT)}: {count}" for file, count in lines.items() if count > 350] == []


def test_few_modules_lie_loose_in_sail() -> None:
    assert len(list((ROOT / "sail").glob("*.py"))) <= 5


def test_every_source_folder_is_looked_at() -> None:
    looked_at = {path.as_posix() for folder in SOURCES for path in Path(ROOT, folder).rglob("*.py")}
    for package in ("sail", "envs/sail_envs", "models/sail_models", "robot/sail_robot"):
        assert (ROOT / package / "__init__.py").as_posix() in looked_at


@pytest.mark.parametrize("folder", ["envs", "models", "robot", "launch"])
def test_folders_are_no_packages(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


def test_no_setup_py_at_the_root() -> None:
    assert not (ROOT / "setup.py").exists()


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("sail/__init__.py", "import json"),
        ("sail/types.py", "from sail.config.schema import RunConfig"),
        ("sail/types.py", "from . import config"),
        ("sail/errors.py", "from sail.types import Episode"),
        ("sail/embodiment.py", "from sail.system.files import write_atomically"),
        ("sail/system/files.py", "from sail.types import Episode"),
        ("sail/loop/improve.py", "from sail.report.clips import write_clips"),
        ("sail/training/trainer.py", "def f():\n    from sail.report import live_table"),
        ("sail/loop/improve.py", "from sail import cli"),
        ("sail/loop/improve.py", "from sail.cli import main"),
        ("sail/data/store.py", "from .. import cli"),
        ("sail/data/store.py", "from ..cli import main"),
        ("sail/loop/improve.py", "def f():\n    import sail.cli"),
        ("sail/loop/improve.py", "import importlib\nimportlib.import_module('sail.cli')"),
        ("sail/loop/improve.py", "import envs.sail_envs"),
        ("sail/system/doctor.py", "import rclpy"),
        ("sail/system/doctor.py", "from sensor_msgs.msg import Image"),
        ("envs/sail_envs/a/b.py", "from sail.config.schema import RunConfig"),
        ("envs/sail_envs/b.py", "import sail"),
        ("envs/sail_envs/b.py", "from sail_models import planner"),
        ("models/sail_models/b.py", "import sail_envs.metaworld.simulated_task"),
        ("models/sail_models/b.py", "from sail.system.versions import gpu_name"),
        ("models/sail_models/b.py", "if TYPE_CHECKING:\n    from sail.loop.improve import run"),
        ("robot/sail_robot/guard.py", "from geometry_msgs.msg import Twist"),
        ("robot/sail_robot/guard.py", "import tf2_ros"),
        ("launch/helper.py", "import launch"),
        ("launch/arm.launch.py", "import rclpy"),
        ("benchmarks/speed.py", "from sail.cli import main"),
    ],
)
def test_a_broken_rule_is_found(path: str, source: str, tmp_path: Path) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(source)
    assert len(violations(tmp_path)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "sail/loop/improve.py",
            "from sail.types import Episode\nfrom sail_envs.suite import TaskSuite\nimport sail_models",
        ),
        ("sail/client.py", "import sail.clip"),
        ("sail/embodiment.py", "from sail.errors import SailError\nfrom sail.types import Float32"),
        ("sail/protocol/summary.py", "from sail.report.page import page"),
        (
            "models/sail_models/c.py",
            "from sail.system.files import write_atomically\nfrom sail import errors",
        ),
        ("envs/sail_envs/b.py", "from sail.types import Episode\nfrom sail_envs.suite import TaskSuite"),
        ("models/sail_models/b.py", "from . import prior\nfrom .prior import Prior\nimport sail.types"),
        ("robot/sail_robot/nodes/planner_node.py", "import rclpy\nfrom sensor_msgs.msg import Image"),
        ("robot/sail_robot/messages.py", "from sensor_msgs.msg import Image"),
        ("launch/arm.launch.py", "import launch\nfrom launch_ros.actions import Node"),
    ],
)
def test_what_the_rules_allow_passes(path: str, source: str, tmp_path: Path) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(source)
    assert violations(tmp_path) == []
