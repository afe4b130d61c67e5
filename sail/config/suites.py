"""The suite and the prompt of a run: what its settings `suite`, `task` and `prompt` mean."""

from typing import TYPE_CHECKING

from sail.config.overrides import ConfigError
from sail.config.schema import NO_SUITE, RunConfig

if TYPE_CHECKING:
    from sail_envs.suite import TaskSuite


def suite_of_run(config: RunConfig) -> "TaskSuite":
    """The suite that has the configuration's task. Raises ConfigError, UnknownNameError, PlugInError,
    SuiteError."""
    if config.suite == NO_SUITE:
        raise ConfigError(
            f"nothing simulates '{config.task}' (suite=none): name the suite that has it, suite="
        )
    from sail_envs.suite import suite_of  # here, so that settings are read without Gymnasium

    return suite_of(config.task, config.suite)


def prompt_of_run(config: RunConfig) -> str:
    """The configuration's own prompt, else the task's. Raises what `suite_of_run` raises."""
    return config.prompt or suite_of_run(config).tasks[config.task]
