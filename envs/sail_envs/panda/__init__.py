"""A Franka Panda at a table, in MuJoCo: the paper's two real-arm tasks as simulations."""
