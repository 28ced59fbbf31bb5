"""Regular expressions that cannot be searched in linear time, and texts that are none."""

from __future__ import annotations

import re
import warnings
from typing import Final

from cep.errors import Span
from cep.language.expressions import Expr, LikeExpr, LiteralExpr
from cep.language.report import Report
from cep.language.tree import walk

_LOOKS: Final = re.compile(
    r"""
    \\[1-9]\d* | \(\?P=\w+\)          # a backreference
    | \(\?\(\w+\)                     # a choice by what a group matched
    | \(\?<?[=!]                      # looking ahead or behind
    | \\.                             # any other escape says nothing
    | \[\^?\]?(?:\\.|[^\]\\])*\]      # and neither does a class
    """,
    re.VERBOSE | re.DOTALL,
)


def check_regexes(expr: Expr, report: Report) -> None:
    """Every pattern behind `MATCHES` in an expression."""
    for node in walk(expr):
        if isinstance(node, LikeExpr) and node.op == "MATCHES" and isinstance(node.right, LiteralExpr):
            _check(node.right, report)


def _check(literal: LiteralExpr, report: Report) -> None:
    if not isinstance(literal.value, str):
        return
    if literal.kind == "string" and (reason := _unreadable(literal.value)):
        message = "this regular expression cannot be read"
        report.error("E202", literal.span, message, reason, "re'…' is checked while it is written")
        return
    for found in _LOOKS.finditer(literal.value):
        what = _name(found.group())
        if what:
            span = _span(literal, found, report)
            message = f"{what} cannot be searched in linear time"
            report.warning(
                "W404",
                span,
                message,
                "one long text can take minutes",
                "say it without, or test two simpler ones",
            )
            return


def _unreadable(pattern: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return ""


def _name(text: str) -> str:
    if text.startswith("["):
        return ""
    if text.startswith("\\"):
        return f"the backreference {text}" if text[1:].isdigit() else ""
    if text.startswith("(?P="):
        return f"the backreference {text}"
    if text.startswith("(?("):
        return "a choice by group"
    return "looking behind" if text.startswith("(?<") else "looking ahead"


def _span(literal: LiteralExpr, found: re.Match[str], report: Report) -> Span:
    """The place of what was found, if the text of the literal stands in the source as it is."""
    start = literal.span.start + (3 if literal.kind == "regex" else 1)
    start += found.start() + literal.value[: found.start()].count("'")
    end = start + len(found.group())
    return Span(start, end) if report.source.text[start:end] == found.group() else literal.span
