"""Rows through the machines of a Ray cluster."""

# pyright: reportMissingImports=false

import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayActorError, RayTaskError

from veridical.batch.rows import MAX_DEATHS, RowVerifier, StartEngine, worker_died
from veridical.errors import ModelError, VeridicalError
from veridical.verification import Settings
from veridical.verification.manifest import Row

__all__ = ["LOCAL", "RayEngine", "ray_workers"]

WINDOW = 2
"""Rows handed out per actor: one at work, one waiting."""
LOCAL = "local"


def ray_workers(count: int, address: str) -> StartEngine:
    """Work in this many actors of a Ray cluster; see `RayEngine`."""
    return lambda settings, media, models: RayEngine(settings, media, count, address, models)


class RayEngine:
    """A pool of Ray actors, one set of model sessions each.

    Rows run at least once, as Ray promises; results are written once, by the journal of the
    driver. An actor that dies is replaced, and its rows are handed out again.

    Args:
        settings: The installation. Actors read folders of models and data from their own
            machine's environment; policy and profile are the driver's.
        media: The folder that media are named relative to: a URL, or a path all machines share.
        workers: Actors; 0 takes one a processor of the cluster.
        address: Of the cluster, as `ray.init` takes it; `local` starts one on this machine.
        models: Expected sha256 by model; an actor with others refuses to work.
    """

    def __init__(
        self,
        settings: Settings,
        media: str,
        workers: int,
        address: str,
        models: Mapping[str, str],
    ) -> None:
        self._deaths: Counter[int] = Counter()
        if address == LOCAL:
            # Actors take one processor each; the driver and Ray's own processes take none.
            ray.init(num_cpus=workers or None, include_dashboard=False, logging_level="ERROR")
        else:
            ray.init(address, logging_level="ERROR")
        workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        shared = settings if address == LOCAL else None
        self._arguments = (settings.policy, settings.profile, shared, media, dict(models))
        self._actors = [self._start() for _ in range(workers)]

    def _start(self) -> "ActorHandle[Any]":
        return _Actor.remote(*self._arguments)

    def results(self, rows: Iterator[Row]) -> Iterator[dict[str, Any]]:
        """See `Engine.results`."""
        again: deque[Row] = deque()
        queues: list[dict[ray.ObjectRef[dict[str, Any]], Row]] = [{} for _ in self._actors]
        while True:
            for index, queue in enumerate(queues):
                while len(queue) < WINDOW:
                    row = again.popleft() if again else next(rows, None)
                    if row is None:
                        break
                    queue[self._actors[index].verify.remote(row)] = row
            # Ray runs an actor's calls in their order: the oldest is answered first, or at fault.
            oldest = {next(iter(queue)): index for index, queue in enumerate(queues) if queue}
            if not oldest:
                return
            (reference,), _ = ray.wait(list(oldest), num_returns=1)
            index = oldest[reference]
            try:
                result = ray.get(reference)
            except RayActorError:
                suspect, *others = queues[index].values()
                queues[index] = {}
                self._actors[index] = self._start()
                self._deaths[suspect.number] += 1
                if self._deaths[suspect.number] >= MAX_DEATHS:
                    yield worker_died(suspect)
                else:
                    again.append(suspect)
                again.extend(others)
            except RayTaskError as error:
                raise _cause(error) from None
            else:
                del queues[index][reference]
                yield result

    def close(self) -> None:
        """See `Engine.close`."""
        ray.shutdown()


def _cause(error: RayTaskError) -> Exception:
    """What the actor raised, as it raised it."""
    return error.cause if isinstance(error.cause, VeridicalError) else error


class _Worker:
    """The models of one actor, loaded at its first row so that a failure can be told."""

    def __init__(
        self,
        policy: str,
        profile: str,
        settings: Settings | None,
        media: str,
        models: Mapping[str, str],
    ) -> None:
        os.environ["OMP_NUM_THREADS"] = "1"
        self._settings = settings or Settings(policy=policy, profile=profile)
        self._media = media
        self._models = models
        self._verifier: RowVerifier | None = None

    def verify(self, row: Row) -> dict[str, Any]:
        if self._verifier is None:
            store = self._settings.model_store()
            if other := [n for n, sha in self._models.items() if store.card(n).file.sha256 != sha]:
                raise ModelError(
                    f"a machine of the cluster knows other versions of {', '.join(other)} than "
                    "the driver; install the same release everywhere",
                    "model.other_version",
                )
            self._verifier = RowVerifier(self._settings, self._media)
        return self._verifier(row)


_Actor: Any = ray.remote(num_cpus=1)(_Worker)
