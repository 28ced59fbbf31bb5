"""Durations that reach further back than events and state are kept."""

from __future__ import annotations

from collections.abc import Iterator

from cep.language.expressions import CallExpr, DurationSyntax
from cep.language.report import Report
from cep.language.syntax import (
    ForSuffix,
    GapSuffix,
    PatternSyntax,
    StepSyntax,
    WithinSuffix,
)
from cep.language.tree import walk
from cep.schema import Schema


def check_keep(pattern: PatternSyntax, schema: Schema, report: Report) -> None:
    """Every wait and every look back, against `keep` of the project file."""
    if schema.keep_ms is None:
        return
    for word, duration in _reaches(pattern):
        if duration.ms is not None and duration.ms > schema.keep_ms:
            report.error(
                "E304", duration.span, f"{word} {duration.text} is longer than anything is kept",
                f"`keep` of the project file is {schema.keep_text}",
                f"{word} {schema.keep_text} or less, or a longer `keep`",
            )  # fmt: skip


def _reaches(pattern: PatternSyntax) -> Iterator[tuple[str, DurationSyntax]]:
    if pattern.within is not None and pattern.within.duration is not None:
        yield "WITHIN", pattern.within.duration
    if pattern.gap is not None:
        yield "GAP", pattern.gap
    for node in walk(pattern):
        if isinstance(node, CallExpr) and node.over is not None:
            yield "OVER", node.over.duration
        for suffix in node.suffixes if isinstance(node, StepSyntax) else ():
            match suffix:
                case WithinSuffix(duration):
                    yield "WITHIN", duration
                case GapSuffix(duration):
                    yield "GAP", duration
                case ForSuffix(duration):
                    yield "FOR", duration
                case _:
                    continue
