"""How long state is kept follows from the windows of the rules."""

import pytest

from cep.stream.alert import Rule
from cep.stream.keeping import DAY_MS, keep_ms
from tests.engines.story import plan_of


@pytest.mark.parametrize(
    ("patterns", "days"),
    [
        (["SEQ(A a, B b) BY u WITHIN 5m"], 1),
        (["SEQ(A a, B b) BY u WITHIN 7d", "A a"], 14),
        (["SEQ(NOT A a FOR 30d, B b) BY u"], 60),
        (["SEQ(A a, NOT B b FOR 10d) BY u"], 20),
        (["A a BY u LIMIT 1 PER 4d"], 8),
        (["SEQ(A a, B b) BY u WITHIN 1h AFTER MATCH STOP"], None),
        (["SEQ(A a, B b GAP 1h) BY u", "A a"], None),
        ([], 1),
    ],
)
def test_windows_decide(patterns: list[str], days: int | None) -> None:
    rules = [Rule(f"r{i}", 1, plan_of(text)) for i, text in enumerate(patterns)]
    assert keep_ms(rules) == (None if days is None else days * DAY_MS)
