"""For colcon alone: how ROS 2 finds the nodes, launch files and robots' files. pip installs from the root."""

from glob import glob

from setuptools import setup

NODES = ("planner", "controller", "guard", "episode", "sim_arm", "improve")

setup(
    name="sail_robot",
    version="0.1.0",
    packages=["sail_robot", "sail_robot.nodes"],
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/sail_robot"]),
        ("share/sail_robot", ["package.xml"]),
        ("share/sail_robot/config", glob("config/*.yaml")),
        ("share/sail_robot/launch", glob("../launch/*.launch.py")),
    ],
    zip_safe=True,
    license="Apache-2.0",
    entry_points={"console_scripts": [f"{node} = sail_robot.nodes.{node}_node:main" for node in NODES]},
)
