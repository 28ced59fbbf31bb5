"""Our side of the comparison with other engines: `driver.py DATA RULES` prints `RESULT {json}`.

RULES is the list of rules that every engine of the comparison is given; here each becomes text of the pattern
language, so that parser, checker, compiler and engine all take part. DATA is a file of JSON lines.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from cep.cli.start import settle

settle()  # as the command does, before anything large is imported

import numpy as np
from numpy.typing import NDArray

from cep.engines.engines import ENGINES
from cep.engines.matcher import Limits
from cep.errors import Source, has_errors
from cep.inputs import InputSettings, TimeSettings
from cep.limits import BATCH_ROWS
from cep.rulebook.pipeline import compile_text
from cep.runtimes.replay import Here, Input, Options, Summary, replay
from cep.runtimes.spread import spread_over
from cep.schema import FieldType, Schema
from cep.stream.alert import Alert, Rule

TYPES = [
    "login",
    "login_failed",
    "password_change",
    "payee_added",
    "transfer",
    "card_auth",
    "card_declined",
    "refund",
    "logout",
]
FIELDS = {"id": "int", "account": "string", "amount": "float", "country": "string", "device": "string"}
SCHEMA = Schema({name: {field: FieldType.parse(kind) for field, kind in FIELDS.items()} for name in TYPES})
SETTINGS = InputSettings("events", format="json", time=TimeSettings(("ts",), "epoch_ms"), max_lateness_ms=0)

# `w`, `x` and `hold` are a rule's window, amount and second window. Windows are inclusive in our language and
# exclusive in the comparison, hence a millisecond less.
PATTERNS = {
    "R1": "SEQ(login_failed a, login_failed b, login_failed c, login z)",
    "R2": "SEQ(password_change a, payee_added b, transfer[amount > {x}] z)",
    "R3": "SEQ(login a, NOT logout n, transfer[amount > {x}] z)",
    "R4": "SEQ(card_declined[amount < 5] a, card_declined[amount < 5] b, card_declined[amount < 5] c,"
    " card_declined[amount < 5] d, card_declined[amount < 5] e, NOT card_declined[amount < 5] n,"
    " card_auth[amount > {x}] z)",
    "R5": "SEQ(card_auth a, card_auth[country != a.country] z)",
    "R6": "SEQ(payee_added a, transfer[amount > {x}] z, NOT logout n FOR {hold}ms)",
    "R7": "SEQ(transfer[amount > {x}] a, transfer[amount > a.amount] b, transfer[amount > b.amount] z)",
    "R8": "SEQ STRICT(login_failed a, password_change b, transfer[amount > {x}] z) FROM {types}",
    "R9": "refund r+",
    "R10": "SEQ(login a, transfer[device != a.device] z)",
}
CLAUSES = " BY account {where} WITHIN {w}ms PICK EACH AFTER MATCH NO SKIP EMIT (head = {head}, tail = {tail})"

LIMITS = Limits(runs_per_key=1_000_000, events_per_key=1_000_000)
WAITING_MAX = 1 << 16
"""So many matches are hashed at once."""

Number = np.uint64
Numbers: TypeAlias = NDArray[np.uint64]
ONE = Number(1)


def rule_text(rule: dict[str, Any]) -> str:
    """One rule of the comparison in the pattern language."""
    loop = rule["family"] == "R9"
    return (PATTERNS[rule["family"]] + CLAUSES).format(
        w=rule["window"] - 1,
        x=rule["amount"],
        hold=rule["hold"] - 1,
        types=", ".join(TYPES),
        where=f"WHERE sum(r.amount) > {rule['amount']}" if loop else "",
        head="first(r).id" if loop else "a.id",
        tail="last(r).id" if loop else "z.id",
    )


def compiled(rules: list[dict[str, Any]]) -> list[Rule]:
    """The rules ready to run; a rule that does not compile ends the program."""
    made = []
    for order, rule in enumerate(rules):
        text = rule_text(rule)
        plan, problems = compile_text(Source.whole(rule["name"], text), SCHEMA)
        if plan is None or has_errors(problems):
            sys.exit(f"{text}\n{[problem.message for problem in problems]}")
        made.append(Rule(rule["name"], 1, plan, limits=LIMITS, order=order))
    return made


def mix(rules: Numbers, heads: Numbers, tails: Numbers) -> Numbers:
    """What the comparison sums up over the matches of a rule: a hash of its number, first and last event."""
    z = (rules + ONE) * Number(0x9E3779B97F4A7C15)
    z += heads * Number(0xBF58476D1CE4E5B9) + tails * Number(0x94D049BB133111EB)
    z ^= z >> Number(30)
    z *= Number(0xBF58476D1CE4E5B9)
    z ^= z >> Number(27)
    z *= Number(0x94D049BB133111EB)
    return z ^ (z >> Number(31))


class Tally:
    """Matches and their checksum, by rule."""

    def __init__(self, rules: list[dict[str, Any]]) -> None:
        """Nothing yet."""
        self._names = [rule["name"] for rule in rules]
        self._counts = np.zeros(len(rules), dtype=np.int64)
        self._totals = np.zeros(len(rules), dtype=np.uint64)
        self._waiting: list[tuple[int, int, int]] = []

    def add(self, alert: Alert) -> None:
        """Count one match."""
        said = alert.fields
        self._waiting.append((alert.rule.order, said["head"], said["tail"]))
        if len(self._waiting) == WAITING_MAX:
            self._sum_up()

    @property
    def found(self) -> dict[str, tuple[int, int]]:
        """For each rule how many there were, and their checksum."""
        self._sum_up()
        sums = zip(self._counts.tolist(), self._totals.tolist(), strict=True)
        return dict(zip(self._names, sums, strict=True))

    def _sum_up(self) -> None:
        flat = np.fromiter(chain.from_iterable(self._waiting), dtype=np.int64)
        rules, heads, tails = np.ascontiguousarray(flat.reshape(-1, 3).T)
        self._waiting = []
        self._counts += np.bincount(rules, minlength=len(self._counts))
        hashes = mix(*(column.view(np.uint64) for column in (rules, heads, tails)))
        np.add.at(self._totals, rules, hashes)


def peak_rss_mb() -> float:
    """The most memory this process and its largest child ever held."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("data")
    options.add_argument("rules", type=Path)
    options.add_argument("--engine", default="auto" if "auto" in ENGINES else "reference")
    options.add_argument("--chunk", type=int, default=BATCH_ROWS)
    options.add_argument("--jobs", type=int, default=1)
    given = options.parse_args()
    rules = json.loads(given.rules.read_text())["rules"]
    begun = time.perf_counter()
    made = compiled(rules)
    opened = time.perf_counter()
    summary, tally = Summary(), Tally(rules)
    settings = Options(
        engine=ENGINES[given.engine],
        batch_rows=given.chunk,
        flush=True,
        detector=Here if given.jobs == 1 else spread_over(given.jobs),
    )
    for alert in replay(made, [Input(given.data, SETTINGS)], summary, SCHEMA, settings):
        tally.add(alert)
    found = tally.found
    seconds = time.perf_counter() - opened
    result = {
        "engine": f"cep-{given.engine}",
        "rules_n": len(rules),
        "rules_run": len(rules),
        "events": summary.records,
        "wall_s": round(seconds, 3),
        "setup_s": round(opened - begun, 3),
        "events_per_s": round(summary.records / seconds, 1),
        "alerts": sum(number for number, _ in found.values()),
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "skipped": [],
        "rules": {name: [number, f"{total:016x}"] for name, (number, total) in found.items()},
    }
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main()
