"""The worker as a Faust app: its process, its signals, its pages; the only importer of faust.

Faust drives no Kafka of its own here: its transactions lose and double records. It starts the batch
loop as a task in a thread, serves the pages, and ends the process when the loop fails.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterable
from typing import Any, Final

from faust.app.base import App, BootStrategy

from cep.errors import CepError
from cep.live import LiveSettings
from cep.runtimes.live_loop import BatchLoop
from cep.runtimes.live_metrics import CONTENT_TYPE, Metrics
from cep.runtimes.live_task import TaskSettings
from cep.state.opening import open_store

log = logging.getLogger("cep.live")

EXIT_FAILED: Final = 3
"""The exit code when Kafka or the state failed: a new process goes on from what is committed."""

EXIT_STUCK: Final = 70
"""The exit code of a worker that its watchdog ended."""

STATE_TTL_MS: Final = 30 * 86_400_000
"""State that no worker touched for so long is forgotten; whoever comes back makes it again from the log."""


class _WebOnly(BootStrategy):
    """Starts the pages and the tasks, and none of Faust's clients of Kafka."""

    def server(self) -> Iterable[Any]:
        return self.web_server()


class BatchApp(App):
    """A Faust worker without Faust's Kafka."""

    BootStrategy = _WebOnly

    def _create_directories(self) -> None:
        """Tables would need folders on this machine; there are none."""


def make_app(settings: LiveSettings, tasks: TaskSettings, *, rebuild: bool = False) -> BatchApp:
    """An app that `faust worker` can run."""
    host, _, port = settings.web.rpartition(":")
    app = BatchApp(
        settings.group,
        broker=[f"kafka://{address.strip()}" for address in settings.brokers.split(",")],
        store="memory://",
        key_serializer="raw",
        value_serializer="raw",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=bool(settings.web),
        web_host=host or "127.0.0.1",
        web_bind=host or "127.0.0.1",
        web_port=int(port or 6066),
        web_tables_enabled=False,
        stream_wait_empty=False,
        datadir=os.devnull,
    )
    metrics = Metrics()
    store = open_store(settings.state, STATE_TTL_MS, lambda: int(time.time() * 1000))
    loop = BatchLoop(settings, tasks, store, metrics, rebuild=rebuild)
    _run_in_task(app, loop)
    _watch(app, loop, settings)
    _serve(app, loop, metrics)
    return app


def _run_in_task(app: App, loop: BatchLoop) -> None:
    """The loop is a thread of its own; when the worker is told to stop, the batch under way is finished."""

    @app.task
    async def batches() -> None:
        running = asyncio.ensure_future(asyncio.to_thread(loop.run))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            loop.stop.set()
            await running
            raise
        except CepError as error:
            # Nothing is left to put in order, and a traceback would hide the words.
            _leave(str(error), EXIT_FAILED)


def _watch(app: App, loop: BatchLoop, settings: LiveSettings) -> None:
    """A loop that hangs in a library can only be ended from outside, and without a goodbye."""

    def watch() -> None:
        while not loop.stop.wait(1.0):
            if time.monotonic() - loop.committed_at > settings.stuck_after_s:
                _leave(f"nothing was committed for {settings.stuck_after_s}s", EXIT_STUCK)

    @app.task
    async def start_watching() -> None:
        threading.Thread(target=watch, name="watchdog", daemon=True).start()


def _leave(reason: str, code: int) -> None:
    log.critical("%s: this process ends", reason)
    logging.shutdown()
    os._exit(code)


def _serve(app: App, loop: BatchLoop, metrics: Metrics) -> None:
    @app.page("/healthz")
    async def healthz(web: Any, request: Any) -> Any:  # noqa: ANN401, ARG001
        return web.text("ok\n")

    @app.page("/readyz")
    async def readyz(web: Any, request: Any) -> Any:  # noqa: ANN401, ARG001
        ready = loop.ready.is_set()
        return web.text("ready\n" if ready else "no partitions yet\n", status=200 if ready else 503)

    @app.page("/metrics")
    async def numbers(web: Any, request: Any) -> Any:  # noqa: ANN401, ARG001
        metrics.looked_at(loop.tasks())
        return web.bytes(metrics.text(), content_type=CONTENT_TYPE.partition(";")[0])
