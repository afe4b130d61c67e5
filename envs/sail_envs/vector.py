"""Many environments of one task in lock step, spread over worker processes.

Gymnasium's AsyncVectorEnv takes a process an environment, and each process loads MuJoCo, MetaWorld and
an OpenGL driver. Here a few workers hold several environments each, which share the worker's renderer.
"""

import multiprocessing
import signal
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, NamedTuple, Self

from sail.errors import SailError
from sail.types import Float32
from sail_envs.environment import Observation, SettingError, TaskEnv
from sail_envs.processes import inherited_by_workers
from sail_envs.rendering import choose_backend
from sail_envs.suite import suite_of

_SECONDS_TO_STOP = 5.0


class WorkerError(SailError):
    """A worker process died, or an environment in it failed."""


class Transition(NamedTuple):
    """The result of one step of one environment, as Gymnasium's `step` returns it."""

    observation: Observation
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


class VectorEnv:
    """`num_envs` environments of one task, numbered from 0, in `workers` processes, or with 0 in this one.

    suite: the suite's reference (see `find_suite`). prompt: the task's own where empty. env_kwargs go to
    TaskEnv. An environment's episodes depend on seeds and actions alone, not on the worker.
    Making one raises UnknownNameError, SettingError and RenderingError. Where a worker dies or fails, all
    environments are closed and WorkerError is raised; without workers, what the environment raised.
    """

    def __init__(
        self,
        task: str,
        num_envs: int,
        workers: int = 2,
        suite: str = "",
        prompt: str = "",
        **env_kwargs: Any,
    ) -> None:
        if num_envs < 1 or workers < 0:
            raise SettingError(
                f"{num_envs} environments in {workers} workers: there must be 1 or more in 0 or more"
            )
        found = suite_of(task, suite)  # refuses an unknown task before a worker starts
        self.task, self.prompt = task, prompt or found.tasks[task]
        env_kwargs["suite"] = suite
        self.num_envs = num_envs
        self._workers: list[_Worker | _NoWorker] = []
        if workers == 0:
            choose_backend()  # before MuJoCo is imported
            self._workers.append(_NoWorker(task, num_envs, env_kwargs))
            return
        try:
            with inherited_by_workers():
                for first in range(min(workers, num_envs)):
                    indices = range(first, num_envs, min(workers, num_envs))
                    self._workers.append(_Worker(task, list(indices), env_kwargs))
            for worker in self._workers:
                worker.receive()
        except BaseException:
            self.close()
            raise

    def reset(self, seeds: Mapping[int, int], **options: Any) -> dict[int, Observation]:
        """Start an episode in some environments: from {index: seed} to {index: observation}.

        options: of TaskEnv's reset.
        """
        return self._ask(
            "reset", {index: {"seed": seed, "options": options} for index, seed in seeds.items()}
        )

    def step(self, actions: Mapping[int, Float32]) -> dict[int, Transition]:
        """Step some environments: from {index: action of TaskEnv} to {index: Transition}."""
        return self._ask("step", actions)

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.hang_up()
        for worker in self._workers:
            worker.stop()
        self._workers = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, command: str, arguments: Mapping[int, Any]) -> dict[int, Any]:
        if not self._workers:
            raise WorkerError(f"the environments of '{self.task}' are closed: make new ones")
        unknown = [index for index in arguments if not 0 <= index < self.num_envs]
        if unknown:
            raise IndexError(f"environment {unknown[0]} of {self.num_envs}")
        shares: list[dict[int, Any]] = [{} for _ in self._workers]
        for index, argument in arguments.items():
            shares[index % len(shares)][index] = argument
        asked = [(worker, share) for worker, share in zip(self._workers, shares, strict=True) if share]
        answers: dict[int, Any] = {}
        try:
            for worker, share in asked:
                worker.send((command, share))
            for worker, _ in asked:
                answers.update(worker.receive())
        except BaseException:
            self.close()  # an answer that nobody waited for would pass for the next one
            raise
        return {index: answers[index] for index in arguments}


class _Worker:
    """One worker process as the parent sees it."""

    def __init__(self, task: str, indices: list[int], env_kwargs: dict[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.task = task
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=_work, args=(theirs, task, indices, env_kwargs), name=f"sail-{task}", daemon=True
        )
        self.process.start()
        theirs.close()  # so that its death ends the connection

    def send(self, message: tuple[str, Any]) -> None:
        try:
            self.connection.send(message)
        except OSError as error:
            raise self._death() from error

    def receive(self) -> Any:
        try:
            kind, value = self.connection.recv()
        except (EOFError, OSError) as error:
            raise self._death() from error
        if kind == "error":
            raise WorkerError(f"an environment of '{self.task}' failed: {value}")
        return value

    def hang_up(self) -> None:
        self.connection.close()

    def stop(self) -> None:
        self.process.join(_SECONDS_TO_STOP)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()

    def _death(self) -> WorkerError:
        self.process.join(_SECONDS_TO_STOP)
        code = self.process.exitcode or 0
        cause, cure = f"exit code {code}", "a script starts environments under `if __name__ == '__main__':`"
        if code < 0:
            cause, cure = (
                signal.Signals(-code).name,
                "where memory ran out, use fewer environments or workers",
            )
        return WorkerError(f"a worker with environments of '{self.task}' died ({cause}): {cure}")


class _NoWorker:
    """Environments in this process, asked as a worker is."""

    def __init__(self, task: str, num_envs: int, env_kwargs: dict[str, Any]) -> None:
        self._environments = {index: TaskEnv(task, **env_kwargs) for index in range(num_envs)}
        self._answers: dict[int, Any] = {}

    def send(self, message: tuple[str, Any]) -> None:
        self._answers = _answer(self._environments, *message)

    def receive(self) -> Any:
        return self._answers

    def hang_up(self) -> None:
        pass

    def stop(self) -> None:
        for environment in self._environments.values():
            environment.close()


def _work(connection: Connection, task: str, indices: list[int], env_kwargs: dict[str, Any]) -> None:
    """The worker's main loop; ends when the parent closes the connection or dies."""
    try:
        environments = {index: TaskEnv(task, **env_kwargs) for index in indices}
        connection.send(("done", None))
        while True:
            command, arguments = connection.recv()
            connection.send(("done", _answer(environments, command, arguments)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as error:  # whatever it is, the parent has to hear of it
        text = str(error).partition("\n")[0]
        if not isinstance(error, SailError):
            text = f"{type(error).__name__}: {text}"
        with suppress(OSError):
            connection.send(("error", text))


def _answer(environments: dict[int, TaskEnv], command: str, arguments: dict[int, Any]) -> dict[int, Any]:
    if command == "reset":
        return {index: environments[index].reset(**how)[0] for index, how in arguments.items()}
    return {index: Transition(*environments[index].step(action)) for index, action in arguments.items()}
