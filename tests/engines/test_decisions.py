"""The decisions of the language, under their numbers: where systems disagree, what we say."""

from __future__ import annotations

import pytest

from tests.engines.story import alerts

CASES = [
    # number, pattern, stream, matches
    ("1 first", "SEQ(A a, B b) WITHIN 1h", "A1 A2 B3 B4", ["a=1 b=3"]),
    ("1 last", "SEQ(A a, B b) WITHIN 1h PICK LAST", "A1 A2 B3 B4", ["a=2 b=3"]),
    ("1 each", "SEQ(A a, B b) WITHIN 1h PICK EACH", "A1 A2 B3 B4", ["a=1 b=3", "a=2 b=3"]),
    (
        "1 all",
        "SEQ ANY(A a, B b) WITHIN 1h PICK ALL AFTER MATCH NO SKIP LIMIT 9",
        "A1 A2 B3 B4",
        ["a=1 b=3", "a=2 b=3", "a=1 b=4", "a=2 b=4"],
    ),
    ("2 longest", "SEQ(C c, A a+, B b) WITHIN 1h", "C1 A2 A3 B4", ["c=1 a=2,3 b=4"]),
    (
        "2 prefixes",
        "SEQ(C c, A a+, B b) WITHIN 1h PICK ALL LIMIT 9",
        "C1 A2 A3 B4",
        ["c=1 a=2,3 b=4", "c=1 a=2 b=4"],
    ),
    (
        "2 subsets",
        "SEQ(C c, ANY A a+ COMBINATIONS, B b) WITHIN 1h PICK ALL LIMIT 9",
        "C1 A2 A3 B4",
        ["c=1 a=2,3 b=4", "c=1 a=2 b=4", "c=1 a=3 b=4"],
    ),
    ("3 eager", "SEQ(P p+, P[x > 100] q) WITHIN 1h", "P1(x=5) P2(x=7) P3(x=150)", ["p=1,2 q=3"]),
    ("3 reluctant", "SEQ(P p+?, P[x > 100] q) WITHIN 1h", "P1(x=5) P2(x=7) P3(x=150)", ["p=1 q=3"]),
    ("3 possessive", "SEQ(P p++, P[x > 100] q) WITHIN 1h", "P1(x=5) P2(x=7) P3(x=150)", []),
    ("4 match", "SEQ(A a, B b+) WITHIN 1h", "A1 B2 B3", ["a=1 b=2"]),
    (
        "4 update",
        "SEQ(A a, B b+) WITHIN 1h ON UPDATE EMIT (n = count(b))",
        "A1 B2 B3",
        ["a=1 b=2", "a=1 b=2,3"],
    ),
    ("4 close", "SEQ(A a, B b+) WITHIN 1h ON CLOSE EMIT (n = count(b))", "A1 B2 B3", ["a=1 b=2,3"]),
    ("5 consumed", "F f{3,} WITHIN 1h", "F1 F2 F3 F4 F5 F6 F7", ["f=1,2,3", "f=4,5,6"]),
    (
        "5 no skip",
        "F f{3,} WITHIN 1h AFTER MATCH NO SKIP",
        "F1 F2 F3 F4 F5 F6 F7",
        ["f=1,2,3", "f=2,3,4", "f=3,4,5", "f=4,5,6", "f=5,6,7"],
    ),
    ("6 inclusive", "SEQ(A a, B b) WITHIN 10ms", "A0 B10", ["a=0 b=10"]),
    ("6 one more", "SEQ(A a, B b) WITHIN 10ms", "A0 B11", []),
    ("7 between", "SEQ(A a, NOT B b, C c) WITHIN 1h", "A1 B2 C3 A4 C5", ["a=4 c=5"]),
    (
        "7 refers to both",
        "SEQ(A a, NOT B[x = a.x AND y = c.y] b, C c) WITHIN 1h PICK EACH",
        "A1(x=1) B2(x=1,y=5) C3(y=5) A4(x=1) B5(x=1,y=6) C6(y=5)",
        ["a=4 c=6"],
    ),
    ("9 look-back", "SEQ(NOT X x FOR 20ms, T t)", "Q0 X5 T20 T26 T45", ["t=26", "t=45"]),
    ("9 cold", "SEQ(NOT X x FOR 20ms, T t)", "Q0 T19 T20", ["t=20"]),
    ("10 kills", "AND(A a, B b, NOT C c) WITHIN 1h", "A1 C2 B3", []),
    ("10 before is fine", "AND(A a, B b, NOT C c) WITHIN 1h", "C1 A2 B3", ["a=2 b=3"]),
    ("10 FOR waits", "AND(A a, B b, NOT C c FOR 5ms) WITHIN 1h", "A1 B3 C8 A10 B13 C19", ["a=10 b=13"]),
    ("11 other types", "SEQ(A a, NEXT B b) WITHIN 1h", "A1 X2 B3", ["a=1 b=3"]),
    ("11 named in FROM", "SEQ(A a, NEXT B b) FROM A, B, X WITHIN 1h", "A1 X2 B3", []),
    ("12 cancel first", "SEQ(A a, L l) WITHIN 1h UNLESS L", "A1 L2", []),
    ("12 until closes", "SEQ(A a+ UNTIL L, B b) WITHIN 1h", "A1 L2 A3 B4", ["a=1 b=4"]),
    ("13 past last", "SEQ(A a, B b) WITHIN 1h PICK EACH AFTER MATCH SKIP PAST LAST", "A1 A2 B3", ["a=1 b=3"]),
    ("13 own timers", "SEQ(A a, NOT B b FOR 10ms)", "A0 A5 Q30", ["a=0", "a=5"]),
    (
        "14 leftmost",
        "SEQ STRICT(A a+, B b) WITHIN 1h PICK LEFTMOST",
        "A1 A2 B3",
        ["a=1,2 b=3"],
    ),
    ("14 completes first", "SEQ(A a, B b, C c) WITHIN 1h", "A1 B2 A3 B4 C5", ["a=1 b=2 c=5"]),
    ("15 null", "A[x != 'US'] a", "A1 A2(x='US') A3(x='SE')", ["a=3"]),
    ("16 division", "A[x / 3 > 1.3] a", "A1(x=4) A2(x=3)", ["a=1"]),
    ("16 by zero", "A[4 / x IS NULL] a", "A1(x=0) A2(x=1)", ["a=1"]),
    ("18 running", "SEQ(P s{2,}, P[x > 2 * avg(s.x)] b) WITHIN 1h", "P1(x=1) P2(x=3) P3(x=5)", ["s=1,2 b=3"]),
    ("18 whole", "P p+ WHERE sum(p.x) > 5 WITHIN 1h", "P1(x=2) P2(x=3) P3(x=1)", ["p=1,2,3"]),
    ("19 every", "SEQ(P p+, Q q) WHERE p.x > 10 WITHIN 1h", "P1(x=11) P2(x=5) P3(x=12) Q4", ["p=1,3 q=4"]),
    ("19 any", "SEQ(P p+, Q q) WHERE any(p.x > 10) WITHIN 1h", "P1(x=5) Q2 P3(x=12) Q4", ["p=1,3 q=4"]),
    ("20 taken if there", "SEQ(A a, B b?, C c) WITHIN 1h", "A1 B2 C3", ["a=1 b=2 c=3"]),
    ("20 without", "SEQ(A a, B b?, C c) WITHIN 1h", "A1 C3", ["a=1 c=3"]),
    ("20 reluctant", "SEQ(A a, B b??, C c) WITHIN 1h", "A1 B2 C3", ["a=1 c=3"]),
    (
        "20 all",
        "SEQ(A a, B b?, C c) WITHIN 1h PICK ALL LIMIT 9",
        "A1 B2 C3",
        ["a=1 b=2 c=3", "a=1 c=3"],
    ),
    ("21 timeout", "SEQ(A a, B b, C c) WITHIN 5ms ON TIMEOUT EMIT T(x = a.ts)", "A1 B2 Q9", ["a=1 b=2!"]),
    (
        "21 never when cancelled",
        "SEQ(A a, B b, C c) WITHIN 5ms UNLESS X ON TIMEOUT EMIT T(x = a.ts)",
        "A1 B2 X3 Q9",
        [],
    ),
    (
        "21 once a start",
        "SEQ(A a, OR(B b, C c), D d) WITHIN 5ms ON TIMEOUT EMIT T(x = 1)",
        "A1 B2 C3 Q9",
        ["a=1 b=2!"],
    ),
    ("22 unbound is null", "OR(A x, B y) WHERE y IS NULL", "A1 B2", ["x=1"]),
    ("23 first is not asked", "P[x > prev(x)] p{2,} WITHIN 1h", "P1(x=5) P2(x=7)", ["p=1,2"]),
    (
        "23 is null is asked",
        "P[prev(x) IS NULL OR x > prev(x)] p{2,} WITHIN 1h",
        "P1(x=5) P2(x=7)",
        ["p=1,2"],
    ),
]


@pytest.mark.parametrize(
    ("pattern", "stream", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_decision(pattern: str, stream: str, expected: list[str]) -> None:
    assert alerts(pattern, stream) == expected


def test_8_a_trailing_absence_is_decided_by_the_watermark_alone() -> None:
    pattern = "SEQ(A a, NOT B b FOR 10ms)"
    assert alerts(pattern, "A0 W9", flush=False) == []
    assert alerts(pattern, "A0 W10", flush=False) == ["a=0"]
    assert alerts(pattern, "A0 B10 W10", flush=False) == []
    assert alerts(pattern, "A0 B11 W11", flush=False) == ["a=0"]
