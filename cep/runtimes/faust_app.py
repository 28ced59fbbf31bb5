"""The worker as a Faust app: its process, its signals, its pages; the only importer of faust.

In batch mode Faust drives no Kafka of its own: its transactions lose and double records. It starts the batch
loop as a task in a thread, serves the pages, and ends the process when the loop fails.

In agent mode an agent a topic hands records over, and acknowledges them once their alerts and state are safe.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeVar

from faust.app.base import App, BootStrategy
from faust.auth import SASLCredentials, SSLCredentials
from faust.types import TP
from mode import CrashingSupervisor

from cep.errors import CepError
from cep.live import LiveSettings
from cep.ports.topic_records import Part, Records
from cep.runtimes.at_least_once import AtLeastOnce
from cep.runtimes.live_loop import BatchLoop
from cep.runtimes.live_metrics import CONTENT_TYPE, Metrics
from cep.runtimes.live_task import TaskSettings
from cep.runtimes.log_lines import logging_config, say
from cep.runtimes.loop_parts import Given
from cep.runtimes.repartition import Move
from cep.runtimes.repartition_loop import RepartitionLoop
from cep.runtimes.rule_sets import RuleSets
from cep.runtimes.tls import ssl_context
from cep.state.opening import open_store
from cep.values import value

EXIT_FAILED: Final = 3
"""The exit code when Kafka or the state failed: a new process goes on from what is committed."""

EXIT_STUCK: Final = 70
"""The exit code of a worker that its watchdog ended."""

OBJECTS_BETWEEN: Final = 200_000
"""So many new objects come before rubbish is looked for."""

SWITCH_S: Final = 0.0005
"""So long a thread that computes keeps one waiting that has heard from a broker: alerts wait with it."""

AGENT_SESSION_S: Final = 10.0
"""Agents that were not heard of for so long have lost their partitions."""

AGENT_BATCH: Final = 1000
"""The most records whose alerts are written together in agent mode."""

STATE_TTL_MS: Final = 30 * 86_400_000
"""State that no worker touched for so long is forgotten; whoever comes back makes it again from the log."""


class _WebOnly(BootStrategy):
    """Starts the pages and the tasks, and none of Faust's clients of Kafka."""

    def server(self) -> Iterable[Any]:
        return self.web_server()


class WorkerApp(App):
    """A Faust worker without tables."""

    def _create_directories(self) -> None:
        """Tables would need folders on this machine; there are none."""


class BatchApp(WorkerApp):
    """One without Faust's Kafka."""

    BootStrategy = _WebOnly


class AgentApp(WorkerApp):
    """One whose agents read; `work` is connected before they begin."""

    work: AtLeastOnce

    async def on_start(self) -> None:
        """Before any client of Faust: topics may have to be waited for."""
        try:
            await asyncio.to_thread(self.work.connect)
        except CepError as error:
            _leave(str(error), EXIT_FAILED)
        await super().on_start()


def make_app(
    settings: LiveSettings,
    tasks: TaskSettings,
    secrets: Collection[str] = (),
    moves: Sequence[Move] = (),
    *,
    rules: RuleSets | None = None,
    rebuild: bool = False,
) -> WorkerApp:
    """An app that `faust worker` can run; `secrets` are never logged."""
    metrics = Metrics(tasks.cost)
    store = open_store(settings.state, STATE_TTL_MS, lambda: int(time.time() * 1000))
    given = Given(settings, tasks, store, metrics, rules, rebuild)
    if settings.mode == "agent":
        agents = _app(AgentApp, settings, secrets)
        agents.work = work = AtLeastOnce(given)
        _read_by_agents(agents, work, settings)
        _watch(agents, work, settings)
        _serve(agents, work, metrics)
        return agents
    app = _app(BatchApp, settings, secrets)
    loop = BatchLoop(given)
    if moves:
        stage = RepartitionLoop(settings, moves, tasks, metrics)
        _run_in_task(app, {stage: stage.run, loop: lambda: _after(stage, loop)})
        _watch(app, stage, settings)
    else:
        _run_in_task(app, {loop: loop.run})
    _watch(app, loop, settings)
    _serve(app, loop, metrics)
    return app


_AppT = TypeVar("_AppT", bound=WorkerApp)


def _app(kind: type[_AppT], settings: LiveSettings, secrets: Collection[str]) -> _AppT:
    host, _, port = settings.web.rpartition(":")
    return kind(
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
        logging_config=logging_config(settings, secrets),
        broker_credentials=_credentials(dict(settings.kafka)),
        # The rest is for agents. An exception must end the process: any other supervisor skips the event.
        agent_supervisor=CrashingSupervisor,
        broker_commit_interval=1.0,
        broker_session_timeout=AGENT_SESSION_S,
        broker_heartbeat_interval=3.0,
        broker_request_timeout=2.0 * AGENT_SESSION_S,
        broker_max_poll_interval=3600.0,
        consumer_auto_offset_reset=settings.start,
        consumer_group_instance_id=settings.instance or None,
    )


def _credentials(kafka: Mapping[str, str]) -> SSLCredentials | SASLCredentials | None:
    """TLS and SASL in the words of Faust."""
    protocol, context = kafka.get("security.protocol", "plaintext").lower(), ssl_context(kafka)
    if protocol.startswith("sasl"):
        return SASLCredentials(
            username=kafka.get("sasl.username"),
            password=kafka.get("sasl.password"),
            ssl_context=context,
            mechanism=kafka.get("sasl.mechanisms", "PLAIN"),
        )
    return None if context is None else SSLCredentials(context)


def _after(stage: RepartitionLoop, loop: BatchLoop) -> None:
    """The topics that the loop reads are made by the stage."""
    while not (stage.signs.ready.wait(1.0) or loop.signs.stop.is_set()):
        loop.signs.alive()
    if not loop.signs.stop.is_set():
        loop.run()


def _run_in_task(app: App, loops: Mapping[BatchLoop | RepartitionLoop, Callable[[], None]]) -> None:
    """Each loop in a thread of its own; told to stop, they finish what is under way and the process ends."""

    @app.task
    async def batches() -> None:
        # What is there by now stays, and a batch makes very many objects that are no rubbish: looking through
        # all of them for some again and again would take as long as reading them.
        gc.collect()
        gc.freeze()
        gc.set_threshold(OBJECTS_BETWEEN)
        sys.setswitchinterval(SWITCH_S)
        running = asyncio.gather(*(asyncio.to_thread(run) for run in loops.values()))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            for loop in loops:
                loop.signs.stop.set()
            try:
                await running
            except CepError as error:
                _leave(str(error), EXIT_FAILED)
            # Faust would go on gathering its own tasks for seconds, while a successor waits to start.
            _leave("told to end, all is committed", 0)
        except CepError as error:
            # Nothing is left to put in order, and a traceback would hide the words.
            _leave(str(error), EXIT_FAILED)


def _read_by_agents(app: App, work: AtLeastOnce, settings: LiveSettings) -> None:
    """An agent a topic fills the queue, one task empties it batch by batch."""
    queue: asyncio.Queue[Any] = asyncio.Queue(settings.batch_records)
    between_batches = asyncio.Lock()
    most = min(AGENT_BATCH, settings.batch_records)

    async def read(stream: Any) -> None:  # noqa: ANN401
        async for event in stream.noack().events():
            await queue.put(event)

    for topic, _ in settings.topics:
        channel = app.topic(topic, key_serializer="raw", value_serializer="raw")
        app.agent(channel, name=f"read {topic}", concurrency=1)(read)

    @app.on_partitions_assigned.connect
    async def assigned(_: Any, parts: Any, **__: Any) -> None:  # noqa: ANN401
        async with between_batches:
            work.assigned({part.partition for part in parts})

    @app.on_partitions_revoked.connect
    async def revoked(_: Any, parts: Any, **__: Any) -> None:  # noqa: ANN401
        async with between_batches:
            work.revoked({part.partition for part in parts})

    @app.task
    async def batches() -> None:
        while True:
            if queue.empty():
                work.idle()
            events = [await queue.get()]
            await asyncio.sleep(settings.batch_wait_ms / 1000)
            while not queue.empty() and len(events) < most:
                events.append(queue.get_nowait())
            async with between_batches:
                try:
                    done = await _to_its_end(app, work, [event.message for event in events])
                except CepError as error:
                    _leave(str(error), EXIT_FAILED)
                for event in events:
                    if event.message.partition in done:
                        event.ack()


async def _to_its_end(app: App, work: AtLeastOnce, messages: list[Any]) -> frozenset[int]:
    """In a thread, so that the pages answer; a worker that is told to stop finishes the batch."""
    by_part: defaultdict[Part, list[Any]] = defaultdict(list)
    for message in messages:
        by_part[Part(message.topic, message.partition)].append(message)
    batch = [
        Records(part, [m.offset for m in rows], [m.value for m in rows], [_Handed(m) for m in rows])
        for part, rows in by_part.items()
    ]
    # What has gone to another worker has no end here, and asking for it would end this one.
    held = app.consumer.assignment()
    ends = {part: app.consumer.highwater(TP(*part)) for part in by_part if TP(*part) in held}
    running = asyncio.ensure_future(asyncio.to_thread(work.handle, batch, ends))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await running
        raise


@value
class _Handed:
    """A message of Faust as the other client would give it."""

    message: Any

    def key(self) -> bytes | None:
        key: bytes | None = self.message.key
        return key

    def headers(self) -> list[tuple[str, bytes]]:
        return list(dict(self.message.headers or ()).items())


def _watch(app: App, loop: BatchLoop | AtLeastOnce | RepartitionLoop, settings: LiveSettings) -> None:
    """A loop that hangs in a library can only be ended from outside, and without a goodbye."""

    def watch() -> None:
        while not loop.signs.stop.wait(1.0):
            if time.monotonic() - loop.signs.committed_at > settings.stuck_after_s:
                _leave(f"nothing was committed for {settings.stuck_after_s}s", EXIT_STUCK)

    @app.task
    async def start_watching() -> None:
        threading.Thread(target=watch, name="watchdog", daemon=True).start()


def _leave(reason: str, code: int) -> NoReturn:
    level = logging.CRITICAL if code else logging.INFO
    say("ended", "{reason}: this process ends", level, reason=reason, code=code)
    logging.shutdown()
    os._exit(code)


def _serve(app: App, loop: BatchLoop | AtLeastOnce, metrics: Metrics) -> None:
    @app.page("/healthz")
    async def healthz(web: Any, request: Any) -> Any:  # noqa: ANN401, ARG001
        rule_set = loop.rule_set
        return web.text("ok\n" if rule_set is None else f"ok\n{rule_set.told()}\n")

    @app.page("/readyz")
    async def readyz(web: Any, request: Any) -> Any:  # noqa: ANN401, ARG001
        ready = loop.signs.ready.is_set()
        return web.text("ready\n" if ready else "no partitions yet\n", status=200 if ready else 503)

    @app.page("/metrics")
    async def numbers(web: Any, request: Any) -> Any:  # noqa: ANN401, ARG001
        rule_set = loop.rule_set
        if rule_set is not None:
            metrics.rules(rule_set)
        metrics.looked_at(loop.tasks())
        return web.bytes(metrics.text(), content_type=CONTENT_TYPE.partition(";")[0])
