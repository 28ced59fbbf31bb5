"""A small project in a folder, and the commands run inside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from typer.testing import CliRunner, Result

from cep.cli.main import app

CONFIG = """\
inputs:
  - name: events
    files: ["data/*.jsonl", "data/*.jsonl.gz"]
    time: {field: ts, format: epoch_ms}
    max_lateness: 5s
types:
  Login: {user_id: string, ip: ip}
  LoginFailed: {user_id: string, ip: ip}
  Order: {order_id: string, amount: decimal, user_id: "string?"}
  Payment: {order_id: string}
  Noise: {user_id: string}
rules: [rules]
library: [patterns]
"""

BRUTE_FORCE = """\
rule: brute_force
version: 2
title: Login from a new address after failures
description: Somebody guesses the password.
severity: high
tags: [ato, attack.t1110]
owner: identity
runbook: https://example.org/ato
params: {n: 3, span: 10m}
use: [auth.cep]
pattern: |
  SEQ(LoginFailed f{$n,}, Login[outside(this)] l) BY user_id
  WHERE l.ip != last(f).ip
  WITHIN $span
  EMIT BruteForce(user_id, failures = count(f), login_from = l.ip)
tests:
  - name: three failures, then another address
    events:
      - {LoginFailed: {user_id: u, ip: 192.0.2.1}, at: 0s}
      - {LoginFailed: {user_id: u, ip: 192.0.2.1}, at: 1s}
      - {LoginFailed: {user_id: u, ip: 192.0.2.1}, at: 2s}
      - {Login: {user_id: u, ip: 192.0.2.2}, at: 5s}
    expect:
      - {type: BruteForce, user_id: u, failures: 3, at: 5s}
"""

UNPAID = """\
rule: unpaid_order
title: An order is not paid
severity: low
tags: [shop]
pattern: SEQ(Order o, NOT Payment p FOR 1h) BY order_id EMIT Unpaid(order_id, amount = o.amount)
tests:
  - name: paid in time
    events:
      - {Order: {order_id: o1, amount: 5}, at: 0s}
      - {Payment: {order_id: o1}, at: 1h}
    expect: []
"""

LIBRARY = """\
DEFINE PREDICATE outside(x) = NOT x.ip IN ip'10.0.0.0/8';
"""

T0 = 1_774_886_400_000  # 2026-03-30 16:00:00Z


def event(kind: str, seconds: float, **fields: object) -> str:
    """An event as a line of a file, that long after T0."""
    return json.dumps({"type": kind, "ts": T0 + int(seconds * 1000), **fields}) + "\n"


def failed(seconds: float, user: str = "eve", ip: str = "203.0.113.7") -> str:
    """A failed login."""
    return event("LoginFailed", seconds, user_id=user, ip=ip)


def login(seconds: float, user: str = "eve", ip: str = "192.0.2.4") -> str:
    """A login."""
    return event("Login", seconds, user_id=user, ip=ip)


EVENTS = (
    event("Order", 0, order_id="o1", amount=80.5),
    failed(1),
    failed(2),
    failed(3.25, ip="203.0.113.8"),
    event("Noise", 4, user_id="eve"),
    '{"type": "Login", "ts": "\n',
    event("Order", 5, order_id="o2", amount="much"),
    event("Payment", 6, order_id=None),
    login(63),
    event("Order", 70, order_id="o3", amount=7),
    event("Noise", 60, user_id="late"),
    event("Order", 3_601, order_id="o4", amount=9),
)


def make_project(folder: Path, events: Iterable[str] = EVENTS) -> Path:
    """Write the project: cep.yaml, two rules, a library, a file of events. Gives the folder."""
    for name, text in {
        "cep.yaml": CONFIG,
        "rules/brute_force.yaml": BRUTE_FORCE,
        "rules/unpaid_order.yaml": UNPAID,
        "patterns/auth.cep": LIBRARY,
        "data/day.jsonl": "".join(events),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def cep(*arguments: str, stdin: str | bytes | None = None) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, list(arguments), input=stdin)


def masked(text: str) -> str:
    """The text without what differs from run to run: how long it took."""
    return re.sub(r"\d+\.\d\ds · [\d,]+ events/s", "0.00s · 0 events/s", text)


def transcript(result: Result) -> str:
    """Everything that a command said, for a golden file."""
    parts = [f"exit {result.exit_code}\n"]
    parts += [f"--- stdout\n{masked(result.stdout)}"] if result.stdout else []
    parts += [f"--- stderr\n{masked(result.stderr)}"] if result.stderr else []
    return "".join(parts)
