"""Example patterns through lowering, derivation and compilation, each stage compared with a golden."""

from __future__ import annotations

import re

import pytest

from cep.errors import Source
from cep.language.parser import parse_pattern
from cep.language.printer import show
from cep.plan.analyse import analyse
from cep.plan.compile import TooManyStatesError, compile_pattern
from cep.plan.cost import COST_WORDS, cost
from cep.plan.lower import lower
from cep.plan.nfa import dot, dump
from cep.plan.words import node_text
from tests.golden import check_golden
from tests.shared import ROOT

GOLDEN = ROOT / "tests" / "golden" / "plan"

PATTERNS = {
    "filter": "Payment[amount > 10_000 AND country IN ('KP', 'IR') AND NOT merchant.trusted] p",
    "threshold": "LoginFailed f{100,} BY host WITHIN 1h",
    "spraying": "LoginFailed f+ BY src_ip WHERE count(DISTINCT f.user_id) >= 5 WITHIN 10m LIMIT 1 PER 1h",
    "brute_force": "SEQ(LoginFailed f{3,}, Login l) BY user_id WHERE l.ip != last(f).ip WITHIN 10m",
    "unpaid": "SEQ(Order o, NOT Payment p FOR 1h) BY order_id EMIT Unpaid(o.order_id, due = o.ts + 1h)",
    "dormant": "SEQ(NOT Login x FOR 30d, Transfer[amount > 500] t) BY user_id",
    "reset": "SEQ(PasswordReset r, NOT MfaOk m, Transfer t WITHIN 5m OF r) BY user_id WITHIN 1h",
    "any_order": "AND(NewDevice d, AddressChange a, NOT BranchVisit b) BY user_id WITHIN 1d",
    "at_least": "ATLEAST(3, NewDevice d, NewIp i, NewPayee p, LimitRaise r) BY user_id WITHIN 2h",
    "branches": "SEQ(Login l, OR(SEQ(PayeeAdded a, Transfer t), CardOrder c)) BY user_id WITHIN 30m",
    "card_testing": (
        "SEQ(Payment[amount < 2] s{3,}, Payment[amount > 20 * avg(s.amount)] big) BY card WITHIN 1h"
    ),
    "rising": "Payment[amount > prev(amount)] p{4,} CONSECUTIVE BY card WITHIN 10m",
    "strict": (
        "SEQ STRICT(PinFail a, PinFail b, Withdrawal w) FROM PinFail, PinOk, Withdrawal BY card "
        "GAP 30s WITHIN 2m"
    ),
    "mule": (
        "SEQ(SEQ(Deposit d, Withdrawal[amount >= 0.9 * d.amount] w) hop{3,}, AccountClosed c) BY account "
        "WITHIN 7d EMIT MuleAccount(account, hops = count(hop), moved = sum(hop.w.amount))"
    ),
    "optional": (
        "SEQ(Login l, EmailChange e?, Transfer[amount > if(e IS NULL, 5000, 500)] t) BY user_id WITHIN 1h"
    ),
    "cancel": "SEQ(SimSwap s, Login l+ UNTIL Logout, Transfer t) BY user_id UNLESS SimSwapReverted WITHIN 1d",
    "session": "PageView v+ BY session_id GAP 30m ON CLOSE EMIT Session(session_id, pages = count(v))",
    "join": (
        "AND(Authorization a BY pan, Clearing c BY card_number) WHERE c.auth_code = a.auth_code "
        "AND c.amount > 1.2 * a.amount WITHIN 7d PICK LAST"
    ),
    "timeout": (
        "SEQ(BruteForce bf, Order o, Payment p WITHIN 1h OF o) BY user_id WITHIN 1d "
        "EMIT TakenOver(user_id) ON TIMEOUT EMIT TakeoverAttempt(user_id)"
    ),
    "row_pattern": (
        "SEQ STRICT(Tick a, Tick[price < prev(price)] down+, Tick[price > prev(price)] up+) BY symbol "
        "WITHIN 1d PICK LEFTMOST AFTER MATCH SKIP TO LAST up"
    ),
    "cycles": (
        "SEQ ANY(Transfer a, Transfer[src = a.dst] b, Transfer[src = b.dst AND dst = a.src] c) "
        "WITHIN 2d PICK ALL AFTER MATCH NO SKIP LIMIT 20"
    ),
    "nested_scope": "SEQ(A a, SEQ(B b, C c{2,3}) g{1,2} WITHIN 5m, NEXT NOT D d, E e) BY k WITHIN 1h",
}


@pytest.mark.parametrize("name", PATTERNS)
def test_the_stages_of_a_pattern(name: str) -> None:
    source = Source.whole(name, PATTERNS[name])
    tree, problems = parse_pattern(source)
    assert tree is not None, problems
    pattern, problems = lower(tree, source)
    assert pattern is not None, problems
    plan = compile_pattern(pattern)
    found = cost(plan)
    text = "\n".join(
        [
            f"pattern   {show(tree)}",
            f"algebra   {node_text(pattern.node)}",
            f"tests     {len(plan.tests)}, reads {', '.join(plan.types or ('every type',))}",
            f"fields    {', '.join(sorted(plan.fields)) or 'none'}",
            f"cost      {found.cost_class} {COST_WORDS[found.cost_class]} ({'; '.join(found.reasons)})",
            f"delay     {found.delay_ms} ms, look-back {found.lookback_ms} ms",
            *(f"problem   {p.severity} {p.code} {p.message}" for p in analyse(plan, source)),
            dump(plan.nfa),
            "",
        ]
    )
    check_golden(GOLDEN / f"{name}.txt", text)


@pytest.mark.parametrize("name", PATTERNS)
def test_the_graph_has_an_edge_for_each_arc(name: str) -> None:
    source = Source.whole(name, PATTERNS[name])
    tree, _ = parse_pattern(source)
    assert tree is not None
    pattern, _ = lower(tree, source)
    assert pattern is not None
    plan = compile_pattern(pattern)
    arcs = sum(len(state.arcs) for state in plan.nfa.states)
    assert len(re.findall(r"^  s\d+ -> (s\d+|accept) ", dot(plan.nfa), re.MULTILINE)) == arcs


@pytest.mark.slow
def test_a_pattern_with_too_many_interleavings_is_refused() -> None:
    branches = ", ".join(f"SEQ(A{i} a{i}, B{i} b{i}, C{i} c{i})" for i in range(8))
    source = Source.whole("p", f"AND({branches}) WITHIN 1h")
    tree, _ = parse_pattern(source)
    assert tree is not None
    pattern, _ = lower(tree, source)
    assert pattern is not None
    with pytest.raises(TooManyStatesError):
        compile_pattern(pattern)
