"""What a live worker counts, for Prometheus; the only importer of prometheus_client."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from cep.ports.topic_records import Part
from cep.runtimes.live_task import Done, Task
from cep.runtimes.rule_sets import RuleSet
from cep.stream.cost import RuleCost

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


RULES_MAX: Final = 500
"""So many rules have a cost of their own; those behind them share one."""

OTHER_RULES: Final = "(other rules)"


class _Costs(Collector):
    """What rules cost, as it is when somebody looks."""

    def __init__(self, cost: RuleCost) -> None:
        self._cost = cost

    def collect(self) -> Iterator[CounterMetricFamily]:
        seconds, events, matches = (
            CounterMetricFamily(f"cep_rule_{name}", text, labels=["rule"])
            for name, text in (
                ("seconds", "Time spent on a rule."),
                ("events", "Events held against a rule."),
                ("matches", "Matches of a rule, before any limit of alerts."),
            )
        )
        spent = list(self._cost.rules.items())
        others = [one for _, one in spent[RULES_MAX:]]
        rows = [(rule, [one]) for rule, one in spent[:RULES_MAX]] + (
            [(OTHER_RULES, others)] if others else []
        )
        for rule, several in rows:
            seconds.add_metric([rule], sum(one.seconds for one in several))
            events.add_metric([rule], sum(one.events for one in several))
            matches.add_metric([rule], sum(one.matches for one in several))
        yield from (seconds, events, matches)


class Metrics:
    """One worker's numbers. All names begin with `cep_`."""

    def __init__(self, cost: RuleCost | None = None) -> None:
        """Start all at zero, in a registry of their own; `cost` is read when somebody looks."""
        self._registry = registry = prometheus.CollectorRegistry()
        if cost is not None:
            registry.register(_Costs(cost))
        counter, gauge = prometheus.Counter, prometheus.Gauge
        self._events = counter("cep_events", "Events decoded.", ["partition"], registry=registry)
        self._alerts = counter("cep_alerts", "Alerts given.", ["rule"], registry=registry)
        self._shadows = counter("cep_shadow_alerts", "Alerts of shadow rules.", ["rule"], registry=registry)
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
        self._revision = gauge(
            "cep_rule_set_version",
            "The revision of the rules in use.",
            registry=registry,
        )
        self._rules = gauge("cep_rules", "Rules in use, by status.", ["status"], registry=registry)
        self._refused = gauge(
            "cep_refused_rules", "Records of rules that cannot be used here.", registry=registry
        )
        self._compute = prometheus.Histogram(
            "cep_compute_seconds", "Decoding and matching of a batch.", registry=registry, buckets=_BUCKETS
        )
        self._commit = prometheus.Histogram(
            "cep_commit_seconds", "Transaction of a batch.", registry=registry, buckets=_BUCKETS
        )

    def refused(self, rejects: Mapping[str, int]) -> None:
        """So many records were refused before they came to a task."""
        for code, count in rejects.items():
            self._rejects.labels(code).inc(count)

    def processed(self, task: Task, done: Done) -> None:
        """One task has computed a batch."""
        number = str(task.number)
        self._events.labels(number).inc(done.events)
        for rule, count in done.alerts.items():
            self._alerts.labels(rule).inc(count)
        for rule, count in done.shadows.items():
            self._shadows.labels(rule).inc(count)
        for code, count in done.rejects.items():
            self._rejects.labels(code).inc(count)
        clock = task.state.clock
        self._waiting.labels(number).set(clock.waiting)
        self._silent.labels(number).set(len(task.state.silent))
        self._watermark.labels(number).set(time.time() - clock.watermark_ms / 1000)

    def computed(self, seconds: float) -> None:
        """A batch was decoded and matched in so long."""
        self._compute.observe(seconds)

    def committed(self, commit_s: float, lags: Mapping[Part, int]) -> None:
        """A transaction is through."""
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

    def rules(self, rule_set: RuleSet) -> None:
        """These rules are in use."""
        self._revision.set(rule_set.revision)
        shadows = rule_set.shadows
        self._rules.labels("live").set(len(rule_set.versions) - shadows)
        self._rules.labels("shadow").set(shadows)
        self._rules.labels("disabled").set(rule_set.disabled)
        self._refused.set(len(rule_set.refused))
        for gauge in (self._open, self._dropped):
            gauge.clear()

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return bytes(prometheus.generate_latest(self._registry))
