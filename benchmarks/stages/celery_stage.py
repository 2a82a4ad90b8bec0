"""Celery's stage over Redis: a task that sends the next one, acknowledged late, so that a crash loses nothing."""

from typing import Any, Final

import redis
from celery import Celery

from benchmarks.stages.work import Observation, check, observations

PREFETCH: Final = 64


class OnCelery:
    """A stage that Celery runs in its solo pool: one process, one task at a time."""

    def fill(self, url: str, entries: int) -> None:
        """Send tasks."""
        _, stage = _tasks(url)
        for observation in observations(entries):
            stage.apply_async((observation.model_dump(mode="json"),), queue="in")

    def run(self, url: str) -> None:
        """Work for ever."""
        app, _ = _tasks(url)
        options = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"]
        app.worker_main(["worker", "--pool", "solo", "--queues", "in", *options])

    def passed_on(self, client: redis.Redis) -> int:
        """Count the next tasks."""
        return int(client.llen("out"))


def _tasks(url: str) -> tuple[Celery, Any]:
    app = Celery("stage", broker=url)
    app.conf.update(task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=PREFETCH)

    @app.task(name="passed_on")  # type: ignore[untyped-decorator]  # Celery has no types
    def passed_on(checked: dict[str, Any]) -> None:
        """Stand for the next stage; nobody runs it."""

    @app.task(name="stage")  # type: ignore[untyped-decorator]  # Celery has no types
    def stage(observation: dict[str, Any]) -> None:
        checked = check(Observation.model_validate(observation))
        passed_on.apply_async((checked.model_dump(mode="json"),), queue="out")

    return app, stage


CONTENDERS: Final = {"celery": OnCelery()}
