"""Any Gymnasium environment that renders as a task suite."""

from sail_envs.suite import TaskSuite


def suite_of_text(text: str) -> TaskSuite:
    """The suite that a YAML mapping `{gymnasium: …}` describes."""
    raise NotImplementedError(text)
