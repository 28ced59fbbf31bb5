"""The command `python -m tests.conformance`: runs case files, prints what failed and a summary."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import indent

from cep.engines.engines import ENGINES
from tests.conformance.cases import Case, CaseFile, CaseFileError, read_files
from tests.conformance.run import Outcome, run_case, write
from tests.conformance.text import UnsayableError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0: all passed or skipped, 1: some failed, 2: bad usage or an unreadable file."""
    options = _options().parse_args(arguments)
    try:
        files = read_files(options.paths)
    except CaseFileError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    chosen = [(each, [case for case in each.cases if options.id in case.id]) for each in files]
    if options.id and not any(cases for _, cases in chosen):
        sys.stderr.write(f"no case has {options.id!r} in its id\n")
        return 2
    outcomes: list[tuple[CaseFile, list[Outcome]]] = []
    for each, cases in chosen:
        outcomes.append((each, []))
        for case in cases:
            if options.show:
                sys.stdout.write(shown(case))
            outcome = run_case(case, options.engine)
            outcomes[-1][1].append(outcome)
            if outcome.status == "failed":
                sys.stdout.write(failure(outcome))
    everything = [outcome for _, found in outcomes for outcome in found]
    if options.report is not None:
        try:
            options.report.write_text(json.dumps(report(options.engine, outcomes), indent=1) + "\n", "utf-8")
        except OSError as error:
            sys.stderr.write(f"{options.report}: cannot be written: {error.strerror}\n")
            return 2
    sys.stdout.write(summary(everything))
    return 1 if any(outcome.status == "failed" for outcome in everything) else 0


def shown(case: Case) -> str:
    """A case as the rule it becomes, or why it becomes none."""
    try:
        text = write(case).text
    except UnsayableError as reason:
        text = f"(skipped: {reason})"
    return f"{case.id}\n{indent(text, '    ')}\n"


def failure(outcome: Outcome) -> str:
    """What a failed case has to say, in one line."""
    parts = [f"FAILED {outcome.case.id}", outcome.reason, " ".join(outcome.text.split("\n"))]
    if outcome.expected:
        parts += [f"expected {outcome.expected}", f"got {outcome.got}"]
    return " | ".join(parts) + "\n"


def summary(outcomes: Iterable[Outcome]) -> str:
    """Skips counted by reason, then one line with all the numbers."""
    numbers = Counter(outcome.status for outcome in outcomes)
    reasons = Counter(outcome.reason for outcome in outcomes if outcome.status == "skipped")
    lines = [f"skipped {count}: {reason}" for reason, count in sorted(reasons.items())]
    lines.append(f"{numbers['passed']} passed, {numbers['failed']} failed, {numbers['skipped']} skipped")
    return "\n".join(lines) + "\n"


def report(engine: str, outcomes: Sequence[tuple[CaseFile, list[Outcome]]]) -> dict[str, object]:
    """Everything as JSON: totals, and for each file its cases with status, reason and rule."""
    return {
        "engine": engine,
        "totals": _totals([outcome for _, found in outcomes for outcome in found]),
        "files": [
            {
                "path": str(each.path),
                "source": each.engine,
                "totals": _totals(found),
                "cases": [
                    {
                        "id": outcome.case.id,
                        "status": outcome.status,
                        "reason": outcome.reason,
                        "text": outcome.text,
                        "expected": outcome.expected,
                        "got": outcome.got,
                    }
                    for outcome in found
                ],
            }
            for each, found in outcomes
        ],
    }


def _totals(outcomes: Iterable[Outcome]) -> dict[str, int]:
    numbers = Counter(outcome.status for outcome in outcomes)
    return {status: numbers[status] for status in ("passed", "failed", "skipped")}


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance",
        description="Run conformance cases. Exit 0 if none failed, 1 if one did, 2 on bad usage.",
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a case file, or a folder of them"
    )
    parser.add_argument(
        "--engine", choices=sorted(ENGINES), default="reference", help="which engine runs them"
    )
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="write every outcome there, as JSON")
    parser.add_argument("--id", default="", metavar="SUBSTRING", help="only the cases with this in their id")
    parser.add_argument("--show", action="store_true", help="print the rule that each case becomes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
