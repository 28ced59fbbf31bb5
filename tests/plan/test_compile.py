"""What compilation works out beside the automaton: where conditions are asked, what is needed and read."""

from __future__ import annotations

import pytest

from cep.plan import compile as compiler
from cep.plan.compile import Plan, TooManyStatesError, compile_pattern
from tests.engines.story import alerts, plan_of


def asked(plan: Plan) -> list[str]:
    """Every arc with a condition: what is left of the pattern, and what it takes."""
    return [
        f"{state.text}: {arc.step.var if arc.step is not None else 'end'}"
        for state in plan.nfa.states
        for arc in state.arcs
        for _ in arc.conditions
    ]


@pytest.mark.parametrize(
    ("pattern", "arcs"),
    [
        # As soon as the last of its variables is known.
        ("SEQ(A a, B b, C c) WHERE a.x > 1", ["a then b then c: a"]),
        ("SEQ(A a, B b, C c) WHERE b.x > a.x", ["b then c: b"]),
        ("SEQ(A a, B b, C c) WHERE a.x > 1 AND b.x > a.x", ["a then b then c: a", "b then c: b"]),
        ("AND(A a, B b) WHERE a.x > b.x", ["(✓ and b): b", "(a and ✓): a"]),
        # A loop is known when it is over.
        ("SEQ(A a+, B b) WHERE sum(a.x) > 3", ["…a{1,} then b: b"]),
        ("A a+ WHERE sum(a.x) > 3", ["…a{1,}: end"]),
        # Without variables: of the first event, whichever it is.
        ("SEQ(A a, B b) BY u WHERE u > 3", ["a then b: a"]),
        ("OR(A a, B b) BY u WHERE u > 3", ["(a or b): a", "(a or b): b"]),
        # What may be left out does not decide whether it is.
        ("SEQ(A a, B b?, C c) WHERE b IS NULL OR b.x > a.x", ["b? then c: c", "c: c", ": end"]),
        ("SEQ(A a, B b?) WHERE b IS NULL OR b.x > a.x", ["b?: end", ": end"]),
    ],
)
def test_where_a_condition_is_asked(pattern: str, arcs: list[str]) -> None:
    assert asked(plan_of(f"{pattern} WITHIN 1h")) == arcs


def test_a_condition_of_the_key_alone_is_asked() -> None:
    assert alerts("SEQ(A a, B b) BY u WHERE u > 3 WITHIN 9ms", "A1(u=3) A2(u=4) B3(u=3) B4(u=4)") == [
        "a=2 b=4"
    ]


@pytest.mark.parametrize(
    ("pattern", "variables"),
    [
        ("SEQ(A a, B b)", ""),
        ("SEQ(A a?, B b)", "a"),
        ("SEQ(A a*, B b{0,3}, C c{1,2})", "a b"),
        ("SEQ(A a, SEQ(B b, C c) g*)", "b c"),
        ("SEQ(A a, SEQ(B b, SEQ(C c, D d) h) g?)", "b c d"),
        ("SEQ(A a, OR(B b, SEQ(C c?, D d)), AND(E e, F f?))", "c f"),
        ("SEQ(A a, OR(B b, SEQ(C c, D d)) g?, AND(E e, F f) h*)", "b c d e f"),
        ("SEQ(A a, SEQ(B b, C c?) WITHIN 5ms)", "c"),
        ("SEQ(A a, SEQ(SEQ(B b, C c) WITHIN 5ms, D d) g?)", "b c d"),
        ("SEQ(A a, NOT B b, C c)", ""),
    ],
)
def test_what_may_be_left_out(pattern: str, variables: str) -> None:
    node = plan_of(f"{pattern} WITHIN 1h").pattern.node
    assert sorted(compiler._optional(node)) == variables.split()


@pytest.mark.parametrize(
    ("pattern", "needs"),
    [
        ("SEQ(A a, B b, C c)", ["", "", "", ""]),
        ("SEQ(A a, B b, C[x = a.x] c)", ["a", "a", "a", ""]),
        ("SEQ(A a, B[x = a.x] b, C[x = b.x] c)", ["a b", "a b", "b", ""]),
        ("SEQ(A a, B b, C c) WHERE c.x > b.x", ["b c", "b c", "b c", ""]),
        ("SEQ(A a, NOT X[k = a.k] n, B b, C c)", ["a", "a", "", ""]),
        ("SEQ(A a, B b, C[x = b.x] c WITHIN 5ms OF a) WHERE c.y = 1", ["a b c", "a b c", "a b c", ""]),
        ("SEQ(A a, B b+ UNTIL C[x = a.x], D d)", ["a", "a", "a", ""]),
        ("SEQ(A a, NOT X[k = a.k] n, B[x = a.x] b, NOT Y[k = b.k] m, C c) WHERE c.y > 1", ["a b c"] * 2),
    ],
)
def test_what_the_way_on_still_reads(pattern: str, needs: list[str]) -> None:
    """Of these variables only the events are compared, when two partial matches may be one."""
    states = plan_of(f"{pattern} WITHIN 1h").nfa.states
    assert [" ".join(sorted(state.needs)) for state in states][: len(needs)] == needs


@pytest.mark.parametrize(
    ("pattern", "fields", "types", "reads_all"),
    [
        ("SEQ(A a, B b) WITHIN 1h", "", ("A", "B"), False),
        ("SEQ(A|B a, C c) BY u.id WITHIN 1h", "u", ("A", "B", "C"), False),
        (
            "SEQ(A[x > 1] a, B[y = a.z] b) WHERE a.w > 1 WITHIN 1h EMIT E(v = b.t.s)",
            "t w x y z",
            ("A", "B"),
            False,
        ),
        ("SEQ(A a BY p, B b BY q) WITHIN 1h", "p q", ("A", "B"), False),
        ("SEQ(A a, B b) WITHIN 1h ON TIMEOUT EMIT T(n = a.x)", "x", ("A", "B"), False),
        ("SEQ(A a, B b) UNLESS X[k = a.j] WITHIN 1h", "j k", ("A", "B", "X"), False),
        ("SEQ(A a, NOT X[k > 1] n, B b+ UNTIL Y[l > 1]) WITHIN 1h", "k l", ("A", "B", "X", "Y"), False),
        ("SEQ(NOT X[k > 1] n FOR 1h, A a)", "k", ("A", "X"), False),
        ("SEQ(EVENT e, A a) WITHIN 1h", "", None, False),
        ("SEQ(A a, NEXT B b) FROM A, B, Q WITHIN 1h", "", ("A", "B", "Q"), True),
        ("SEQ(A a, NEXT NOT B n, C c) WITHIN 1h", "", ("A", "B", "C"), True),
        ("SEQ(A a, B b) WITHIN 5 EVENTS", "", ("A", "B"), True),
    ],
)
def test_what_a_rule_reads(pattern: str, fields: str, types: tuple[str, ...] | None, reads_all: bool) -> None:
    plan = plan_of(pattern)
    assert (sorted(plan.fields), plan.types, plan.reads_all) == (fields.split(), types, reads_all)


def test_steps_that_ask_the_same_share_a_test_unless_their_keys_differ() -> None:
    plan = plan_of("SEQ(A[x > 1] a, A[x > 1] b, A c, NOT A[x > 1] n, B d) WITHIN 1h")
    assert len(plan.tests) == 3
    assert sorted(plan.test_of.values()) == [0, 0, 0, 1, 2]
    plan = plan_of("SEQ(A a BY p, A b BY q, B c BY p) WITHIN 1h")
    assert [(group.paths, bin(group.tests)) for group in plan.key_groups] == [
        ((("p",),), "0b101"),
        ((("q",),), "0b10"),
    ]


@pytest.mark.parametrize(
    ("limit", "fits", "least", "words"),
    [
        ("STEPS_MAX", "SEQ(A a, B b, C c)", 3, "more than 2 steps"),
        ("LOOPS_DEEP_MAX", "SEQ(SEQ(A a+, B b) g{2}, C c)", 2, "more than 1 loops inside each other"),
        (
            "LOOPS_DEEP_MAX",
            "SEQ(A z, OR(B b, AND(A a+, B c) g{2}))",
            2,
            "more than 1 loops inside each other",
        ),
        (
            "LOOPS_DEEP_MAX",
            "SEQ(A z, SEQ(SEQ(A a+, B c) g{2}, C d) WITHIN 5ms)",
            2,
            "more than 1 loops inside",
        ),
        ("STATES_MAX", "SEQ(A a, B b, C c)", 4, "more than 3 states"),
        ("ARCS_MAX", "AND(A a, B b)", 5, "more than 4 ways from state to state"),
    ],
)
def test_a_pattern_may_be_as_large_as_the_limit(
    limit: str, fits: str, least: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = plan_of(f"{fits} WITHIN 1h").pattern
    monkeypatch.setattr(compiler, limit, least)
    compile_pattern(pattern)
    monkeypatch.setattr(compiler, limit, least - 1)
    with pytest.raises(TooManyStatesError, match=words):
        compile_pattern(pattern)


def test_what_a_loop_in_a_branch_gave_up_stays_given_up_when_another_branch_goes_on() -> None:
    """A loop takes events in a row: no match has a=1 and a=4 without a=2, wherever `c` came."""
    pattern = "AND(SEQ(A a+, B b), C c) WITHIN 1h PICK ALL LIMIT 99"
    assert sorted(alerts(pattern, "A1 A2 C3 A4 B5")) == [
        "a=1 c=3 b=5",
        "a=1,2 c=3 b=5",
        "a=1,2,4 c=3 b=5",
        "a=2 c=3 b=5",
        "a=2,4 c=3 b=5",
        "c=3 a=4 b=5",
    ]
    # A gap is measured from any event of the match: it begins anew behind each.
    assert alerts("AND(SEQ(A a, B b GAP 5ms), C c) WITHIN 1h", "A1 C6 B11") == ["a=1 c=6 b=11"]
    # A time from an event of another branch begins with that event.
    assert alerts("AND(SEQ(A a, B b WITHIN 5ms OF c), C c) WITHIN 1h", "A1 B2 C3 B4") == ["a=1 c=3 b=4"]
    assert alerts("AND(SEQ(A a, NEXT B b), C c) WITHIN 1h", "A1 C2 B3") == []
