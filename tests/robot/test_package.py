"""colcon builds the package, and what ROS 2 looks for is where it looks."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_colcon_builds_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "colcon", "--log-base", tmp_path / "log", "build"]
    folders = ["--base-paths", ROOT / "robot", "--build-base", tmp_path / "build"]
    command += [*folders, "--install-base", tmp_path / "install"]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    package = tmp_path / "install" / "sail_robot"
    nodes = {path.name for path in (package / "lib" / "sail_robot").iterdir()}
    assert nodes == {"planner", "controller", "guard", "episode", "sim_arm", "improve"}
    assert (package / "share/ament_index/resource_index/packages/sail_robot").is_file()
    share = package / "share" / "sail_robot"
    assert {path.name for path in (share / "config").iterdir()} == {
        path.name for path in (ROOT / "robot" / "config").iterdir()
    }
    assert {path.name for path in (share / "launch").iterdir()} == {
        path.name for path in (ROOT / "launch").glob("*.launch.py")
    }


def test_every_node_of_the_package_is_a_module_with_a_main() -> None:
    source = (ROOT / "robot" / "setup.py").read_text()
    for path in (ROOT / "robot" / "sail_robot" / "nodes").glob("*_node.py"):
        if "def main()" in path.read_text():
            assert f'"{path.stem.removesuffix("_node")}"' in source


def test_the_guards_logic_needs_no_simulator_and_no_network() -> None:
    script = (
        "import sys\n"
        "import sail_robot.guard, sail_robot.outputs, sail_robot.robot_file\n"
        "heavy = {'gymnasium', 'torch', 'mujoco', 'mink', 'cv2'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
