"""What the values of options mean: which rules `--select` takes, which time `--from` names."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from cep.errors import CepError
from cep.event import parse_iso_ms
from cep.stream.alert import SEVERITIES, Rule
from cep.values import value

KINDS = ("rule", "tag", "severity")


@value
class Term:
    """One word of `--select`: `rule:brute*`, `tag:ato`, `severity:high`, `severity:high+` (or above)."""

    kind: str
    pattern: str


def parse_selection(text: str) -> tuple[Term, ...]:
    """The terms of `--select`; a word without a kind is the name of a rule. CepError says what is wrong.

    >>> parse_selection("brute*,tag:ato")
    (Term(kind='rule', pattern='brute*'), Term(kind='tag', pattern='ato'))
    """
    terms = []
    for word in (part.strip() for part in text.split(",")):
        if not word:
            continue
        kind, colon, pattern = word.partition(":")
        term = Term(kind, pattern.strip()) if colon else Term("rule", word)
        if term.kind not in KINDS or not term.pattern:
            raise CepError(f"--select does not know `{word}`: write rule:NAME, tag:NAME or severity:LEVEL")
        if term.kind == "severity" and term.pattern.removesuffix("+") not in SEVERITIES:
            raise CepError(f"--select: `{term.pattern}` is no severity; one of: {', '.join(SEVERITIES)}")
        terms.append(term)
    if not terms:
        raise CepError("--select names nothing: write rule:NAME, tag:NAME or severity:LEVEL")
    return tuple(terms)


def select_rules(rules: Sequence[Rule], text: str | None) -> list[Rule]:
    """The rules that fit: one term of each kind that is named. All rules when there is no selection."""
    if text is None:
        return list(rules)
    terms = parse_selection(text)
    kinds = {term.kind for term in terms}
    chosen = [
        rule
        for rule in rules
        if all(any(term.kind == kind and fits(term, rule) for term in terms) for kind in kinds)
    ]
    if not chosen:
        raise CepError(f"--select {text}: none of the rules fits")
    return chosen


def fits(term: Term, rule: Rule) -> bool:
    """Whether one term takes a rule; names may hold `*` and `?`."""
    match term.kind:
        case "rule":
            return fnmatchcase(rule.name, term.pattern)
        case "tag":
            return any(fnmatchcase(tag, term.pattern) for tag in rule.tags)
        case _:
            level = term.pattern.removesuffix("+")
            if not term.pattern.endswith("+"):
                return rule.severity == level
            names = [str(name) for name in SEVERITIES]
            return names.index(rule.severity) >= names.index(level)


def parse_time(text: str, option: str) -> int:
    """Milliseconds UTC of an ISO date or time (UTC unless it says otherwise), or of a number since 1970.

    A number of up to eleven digits counts seconds, a longer one milliseconds.

    >>> [parse_time(text, "--from") for text in ("2026-03-30", "1774828800", "1774828800000")]
    [1774828800000, 1774828800000, 1774828800000]
    """
    if text.isascii() and text.isdecimal() and len(text) > 8:
        return int(text) * (1000 if len(text) < 12 else 1)
    try:
        return parse_iso_ms(text)
    except ValueError as error:
        raise CepError(f"{option} {text}: not a time; write 2026-03-30 or 2026-03-30T16:00:00Z") from error
