"""What a live worker counts, for Prometheus; the only importer of prometheus_client."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import prometheus_client as prometheus

from cep.ports.topic_records import Part
from cep.runtimes.live_task import Done, Task

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class Metrics:
    """One worker's numbers. All names begin with `cep_`."""

    def __init__(self) -> None:
        """Start all at zero, in a registry of their own."""
        self._registry = registry = prometheus.CollectorRegistry()
        counter, gauge = prometheus.Counter, prometheus.Gauge
        self._events = counter("cep_events", "Events decoded.", ["partition"], registry=registry)
        self._alerts = counter("cep_alerts", "Alerts given.", ["rule"], registry=registry)
        self._rejects = counter(
            "cep_rejects", "Records refused, by code; `late` is one.", ["code"], registry=registry
        )
        self._suppressed = gauge(
            "cep_suppressed_alerts", "Alerts that LIMIT … PER held back.", ["partition"], registry=registry
        )
        self._open = gauge("cep_open_partial_matches", "Partial matches.", ["rule"], registry=registry)
        self._dropped = gauge(
            "cep_dropped_partial_matches", "Partial matches given up at a limit.", ["rule"], registry=registry
        )
        self._waiting = gauge(
            "cep_waiting_events", "Events that wait for the watermark.", ["partition"], registry=registry
        )
        self._silent = gauge(
            "cep_silent_topics", "Topics that time does not wait for.", ["partition"], registry=registry
        )
        self._watermark = gauge(
            "cep_watermark_delay_seconds", "Time of day less event time.", ["partition"], registry=registry
        )
        self._lag = gauge(
            "cep_lag_records", "Records not read yet.", ["topic", "partition"], registry=registry
        )
        self._owned = gauge("cep_partitions", "Partition numbers this worker owns.", registry=registry)
        self._takeover = gauge(
            "cep_takeover_seconds", "Making the state of new partitions, the last time.", registry=registry
        )
        self._compute = prometheus.Histogram(
            "cep_compute_seconds", "Decoding and matching of a batch.", registry=registry, buckets=_BUCKETS
        )
        self._commit = prometheus.Histogram(
            "cep_commit_seconds", "State and transaction of a batch.", registry=registry, buckets=_BUCKETS
        )

    def processed(self, task: Task, done: Done) -> None:
        """One task has computed a batch."""
        number = str(task.number)
        self._events.labels(number).inc(done.events)
        for rule, count in done.alerts.items():
            self._alerts.labels(rule).inc(count)
        for code, count in done.rejects.items():
            self._rejects.labels(code).inc(count)
        clock = task.state.clock
        self._waiting.labels(number).set(clock.waiting)
        self._silent.labels(number).set(len(task.state.silent))
        self._watermark.labels(number).set(time.time() - clock.watermark_ms / 1000)

    def committed(self, compute_s: float, commit_s: float, lags: Mapping[Part, int]) -> None:
        """A transaction is through."""
        self._compute.observe(compute_s)
        self._commit.observe(commit_s)
        for part, lag in lags.items():
            self._lag.labels(part.topic, str(part.partition)).set(lag)

    def assigned(self, count: int, seconds: float) -> None:
        """So many partition numbers belong to this worker now; taking them up took so long."""
        self._owned.set(count)
        self._takeover.set(seconds)
        for gauge in (self._waiting, self._silent, self._watermark, self._lag, self._suppressed):
            gauge.clear()

    def looked_at(self, tasks: Sequence[Task]) -> None:
        """Sum up what would cost too much after every batch."""
        open_runs: dict[str, int] = {}
        dropped: dict[str, int] = {}
        for task in tasks:
            for rule, count in task.state.detector.open_runs().items():
                open_runs[rule] = open_runs.get(rule, 0) + count
            for rule, counters in task.state.detector.counters().items():
                dropped[rule] = dropped.get(rule, 0) + counters.dropped_runs
            self._suppressed.labels(str(task.number)).set(sum(task.state.detector.suppressed.values()))
        for rule, count in open_runs.items():
            self._open.labels(rule).set(count)
            self._dropped.labels(rule).set(dropped[rule])

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return bytes(prometheus.generate_latest(self._registry))
