"""The joints lead the hand where it is to go, held as it is; and a wrong description is one line."""

import mujoco
import numpy as np
import pytest

from sail_envs.panda.arm import arm_scene, compile_model
from sail_robot.kinematics import Kinematics, KinematicsError, model_of_urdf

# Two links of 0.4 and 0.3 m that turn in a plane, and a hand at the end.
URDF = """<robot name="planar">
  <link name="base"/>
  <link name="upper"><visual><geometry><mesh filename="none.dae"/></geometry></visual></link>
  <link name="lower"/><link name="hand"/>
  <joint name="shoulder" type="revolute"><parent link="base"/><child link="upper"/>
    <axis xyz="0 0 1"/><limit lower="-3" upper="3" effort="1" velocity="1"/></joint>
  <joint name="elbow" type="revolute"><parent link="upper"/><child link="lower"/><origin xyz="0.4 0 0"/>
    <axis xyz="0 0 1"/><limit lower="-3" upper="3" effort="1" velocity="1"/></joint>
  <joint name="wrist" type="fixed"><parent link="lower"/><child link="hand"/><origin xyz="0.3 0 0"/></joint>
</robot>"""


def test_a_urdf_without_its_meshes_has_the_arms_lengths() -> None:
    kinematics = Kinematics(model_of_urdf(URDF), ("shoulder", "elbow"), "hand", "body")
    kinematics.start([0.3, 0.9])
    place = np.array([0.4 * np.cos(0.3) + 0.3 * np.cos(1.2), 0.4 * np.sin(0.3) + 0.3 * np.sin(1.2)])
    np.testing.assert_allclose(kinematics._goal.translation()[:2], place, atol=1e-6)


def test_the_hand_goes_where_it_is_led_and_does_not_turn() -> None:
    model = compile_model(arm_scene())
    names = [f"robot:panda0_joint{number}" for number in range(1, 8)]
    kinematics = Kinematics(model, names, "end_effector", "site")
    start = np.array([0.0, 0.3, 0.0, -2.2, 0.0, 1.0, 0.0])
    kinematics.start(start)
    data = mujoco.MjData(model)
    places = [model.joint(name).qposadr[0] for name in names]

    def pose(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        data.qpos[places] = joints
        mujoco.mj_forward(model, data)
        site = data.site("end_effector")
        return site.xpos.copy(), site.xmat.copy()

    before, turned = pose(start)
    joints = start
    for _ in range(10):
        following = kinematics.step([0.004, -0.006, 0.002, 0.0, 0.0, 0.0], 0.05)
        assert np.abs(following - joints).max() < 0.1
        joints = following
    after, still = pose(joints)
    np.testing.assert_allclose(after - before, [0.04, -0.06, 0.02], atol=3e-3)
    np.testing.assert_allclose(still, turned, atol=0.02)


@pytest.mark.parametrize(
    ("urdf", "joints", "hand", "says"),
    [
        ("<robot", ("shoulder",), "hand", "not XML"),
        (URDF, ("shoulder", "panda_joint1"), "hand", "lacks the joint panda_joint1"),
        (URDF, ("shoulder",), "tool0", "lacks the link tool0"),
    ],
)
def test_a_wrong_description_is_one_line(urdf: str, joints: tuple[str, ...], hand: str, says: str) -> None:
    with pytest.raises(KinematicsError, match=says) as error:
        Kinematics(model_of_urdf(urdf), joints, hand, "body")
    assert "\n" not in str(error.value)
