"""What the tests of the checker share: a schema, a library, and all that is said against a text."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

from cep.errors import Diagnostic, Source, Span
from cep.event import parse_duration_ms
from cep.language.check_library import check_library
from cep.language.checker import check
from cep.language.definitions import Library, predicates
from cep.language.expand import expand
from cep.language.expressions import LiteralExpr
from cep.language.params import substitute
from cep.language.parser import parse_library, parse_pattern
from cep.language.syntax import LibrarySyntax
from cep.schema import FieldType, Schema


def _fields(text: str) -> dict[str, FieldType]:
    pairs = (part.split(":") for part in text.split(", "))
    return {name: FieldType.parse(kind) for name, kind in pairs}


SCHEMA: Final = Schema(
    {
        "Login": _fields("user_id:string, ip:ip, device:record, country:string?, trusted:bool"),
        "LoginFailed": _fields(
            "user_id:string, ip:ip, reason:enum(password|locked|expired), attempts:int, session:string"
        ),
        "Logout": _fields("user_id:string, session:string"),
        "Payment": _fields(
            "user_id:string, card:string, amount:decimal, country:string?, risk:float, items:list, "
            "paid_at:timestamp, took:duration"
        ),
        "Transfer": _fields("user_id:string, account:string, amount:decimal, memo:string?, risk:float"),
        "PinEntered": _fields("card:string, terminal:int, ok:bool"),
    },
    keep_ms=365 * 86_400_000,
    keep_text="365d",
)

LIBRARY_TEXT: Final = """
DEFINE PATTERN burst($n = 3, $span = 10m) = LoginFailed f{$n,} BY user_id WITHIN $span;
DEFINE PATTERN spread($users) = LoginFailed f+ BY ip WHERE count(DISTINCT f.user_id) >= $users;
DEFINE PATTERN change = SEQ(Logout o, Login l) BY user_id WITHIN 5m WHERE l.trusted;
DEFINE PATTERN either = OR(Login l, Logout o) WHERE l.trusted;
DEFINE PATTERN short = Logout o WITHIN 1h WHERE o.session = 's1';
DEFINE PATTERN twice = SEQ(USE change first, USE change second);
DEFINE PATTERN alert = Login l BY user_id WITHIN 1h LIMIT 1 PER 1h EMIT Alert(user_id);
DEFINE PATTERN round = SEQ(Login l, USE round r);
DEFINE PATTERN there = SEQ(Login l, USE back b);
DEFINE PATTERN back = SEQ(Logout o, USE there t);
DEFINE PATTERN broken = Login[contry = 'SE'] l;
DEFINE PREDICATE risky(x, $limit = 0.8) = x.risk > $limit;
DEFINE PREDICATE again(x) = x.risk > 1.5 OR again(x);
DEFINE PREDICATE foreign(x) = x.country != home;
DEFINE PREDICATE listed(x) = x.country IN high_risk;
"""


def _library() -> Library:
    syntax, problems = parse_library(Source.whole("lib/auth.cep", LIBRARY_TEXT))
    assert syntax is not None, problems
    return {f"auth.{definition.name}": definition for definition in syntax.definitions}


LIBRARY: Final = _library()


def problems(text: str, schema: Schema = SCHEMA, library: Library = LIBRARY) -> list[Diagnostic]:
    """Everything said against a pattern, or against definitions if the text begins with one.

    A first line `-- params: n = 3, span = 10m` gives the rule's parameters.
    """
    source = Source.whole("rule.cep", text)
    if text.startswith("DEFINE"):
        return _definitions(source, schema, library)
    pattern, found = parse_pattern(source)
    if pattern is None:
        return found
    params, places = _params(source)
    pattern, more = substitute(pattern, params, source, places)
    found += more
    pattern, more = expand(pattern, library, source)
    found += more
    found += check(pattern, source, schema, predicates(library))
    return sorted(found, key=lambda d: d.sort_key)


def _definitions(source: Source, schema: Schema, library: Library) -> list[Diagnostic]:
    syntax, found = parse_library(source)
    if syntax is None:
        return found
    assert isinstance(syntax, LibrarySyntax)
    own = {f"here.{definition.name}": definition for definition in syntax.definitions}
    return check_library(syntax, source, schema, {**library, **own}, "here")


def _params(source: Source) -> tuple[dict[str, LiteralExpr], dict[str, tuple[Source, Span]]]:
    head = re.match(r"-- params: (.*)", source.text)
    params, places = {}, {}
    for found in re.finditer(r"(\w+) = ([\w.]+)", head.group(1) if head else ""):
        start = len("-- params: ") + found.start()
        params[found[1]] = constant(found[2])
        places[found[1]] = (source, Span(start, start + len(found[1])))
    return params, places


def constant(text: str) -> LiteralExpr:
    """A whole number, a decimal, a duration or a text, by how it is written."""
    if text.isdigit():
        return LiteralExpr("int", int(text), text)
    if re.fullmatch(r"\d+\.\d+", text):
        return LiteralExpr("decimal", Decimal(text), text)
    if re.fullmatch(r"(\d+(ms|[smhdw]))+", text):
        return LiteralExpr("duration", timedelta(milliseconds=parse_duration_ms(text)), text)
    return LiteralExpr("string", text, text)
