"""Values and snapshots as bytes: nothing is lost, foreign bytes are refused with a reason."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cep.engines.history import extend
from cep.engines.snapshot import Begun, Run, Snapshot
from cep.event import Event, Timestamp, Value
from cep.plan.fingerprint import fingerprint
from cep.state.codec import Kept, OtherPlanError, SnapshotCodec, StateFormatError
from cep.state.values import pack_value, unpack_value
from tests.engines.story import plan_of
from tests.shared import ROOT

MARK = b"12345678"

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers().map(Timestamp)
    | st.floats(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.text(st.characters())
    | st.timedeltas()
)
VALUES: st.SearchStrategy[Value] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner, inner)
    ),
    max_leaves=8,
)


def typed(value: Value) -> object:
    """The value with the types of all its parts: 1, 1.0 and true are equal in Python."""
    match value:
        case dict():
            return {key: typed(item) for key, item in value.items()}
        case list() | tuple():
            return type(value), [typed(item) for item in value]
        case _:
            return type(value), str(value)


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_values_come_back_with_their_types(value: Value) -> None:
    assert typed(unpack_value(pack_value(value))) == typed(value)


def test_lone_surrogate_comes_back() -> None:
    assert unpack_value(pack_value("a\ud800")) == "a\ud800"


def test_what_is_no_value_is_refused() -> None:
    with pytest.raises(TypeError, match="object is no value"):
        pack_value(object())


def codec() -> SnapshotCodec:
    return SnapshotCodec(MARK, ["x", "y"], ["a", "b"])


def shared_prefix(length: int) -> Snapshot:
    """Two runs of an attempt that part at their last event."""
    first = Event("A", 1_700_000_000_000, 5_000_000, {"x": 0, "y": []}, 17, "log")
    cell = extend(None, "a", first)
    for i in range(1, length):
        cell = extend(cell, "a", Event("A", first.ts_ms + i, first.seq + i, {"x": i}, 17 + i, "log"))
    ends = [
        extend(cell, "b", Event("B", first.ts_ms + 99, first.seq + 90 + i, {}, 99, "log")) for i in (0, 1)
    ]
    runs = tuple(
        Run(2, ((0, first.ts_ms + 600),), end, first.position, 1, last_ms=end.event.ts_ms) for end in ends
    )
    return Snapshot((Begun(first.position, runs),), ordinal=9, incomplete_until_ms=77)


def test_shared_cells_and_events_are_written_once() -> None:
    snapshot = shared_prefix(50)
    back = codec().unpack(codec().pack(Kept(snapshot, (3, 4))))
    assert back.given_ms == (3, 4)
    one, two = back.snapshot.begun[0].runs
    assert one.cell is not None
    assert two.cell is not None
    assert one.cell.before is two.cell.before
    assert one.size == 51
    assert one.cell.event.seq == 5_000_090
    assert back.snapshot.incomplete_until_ms == 77
    assert not back.snapshot.stopped
    once = len(codec().pack(Kept(snapshot, ())))
    assert once < 50 * 20


def test_falsy_fields_are_values() -> None:
    event = Event("A", 5, 1, {"x": 0, "y": []})
    snapshot = Snapshot(seen=((3, (event,)),))
    back = codec().unpack(codec().pack(Kept(snapshot, ()))).snapshot
    assert back.seen[0][1][0].fields == {"x": 0, "y": []}


def test_typical_partial_match_is_small() -> None:
    first = Event("Login", 1_700_000_000_000, 1 << 40, {"x": "10.20.30.40", "y": "u12345"}, 1 << 30, "log")
    run = Run(1, ((0, first.ts_ms + 600_000),), extend(None, "a", first), first.position, 1, first.ts_ms)
    data = codec().pack(Kept(Snapshot((Begun(first.position, (run,)),), ordinal=1), ()))
    assert len(data) <= 100


def test_unknown_version_is_refused() -> None:
    data = pack_value([99, MARK])
    with pytest.raises(StateFormatError, match="version 99 cannot be read, only that of 1"):
        codec().unpack(data)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"text", pack_value(7), pack_value([1])])
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(StateFormatError):
        codec().unpack(data)


def test_damage_is_refused() -> None:
    whole = codec().pack(Kept(shared_prefix(3), ()))
    row = unpack_value(whole)
    row[7] = row[7][:-1]
    with pytest.raises(StateFormatError, match="damaged"):
        codec().unpack(pack_value(row))
    with pytest.raises(StateFormatError):
        codec().unpack(whole[:-1])


def test_state_of_a_changed_rule_is_refused() -> None:
    plans = [plan_of(f"SEQ(A a, B b) BY u WITHIN {n}m") for n in (5, 6)]
    one, other = (SnapshotCodec(fingerprint(plan), plan.fields, "ab") for plan in plans)
    with pytest.raises(OtherPlanError, match="another version of the rule"):
        other.unpack(one.pack(Kept(Snapshot(), ())))


def test_fingerprint_names_the_meaning() -> None:
    plain, same = (
        plan_of("SEQ(A[x IN (1, 2)] a, B b) BY u WITHIN 5m"),
        plan_of("SEQ( A[x IN (1, 2)]  a,  B b )  BY u  WITHIN 5m"),
    )
    assert fingerprint(plain) == fingerprint(same)
    others = ["SEQ(A[x IN (1, 3)] a, B b) BY u WITHIN 5m", "SEQ(A[x IN (1, 2)] a, B b) BY v WITHIN 5m"]
    assert len({fingerprint(plan_of(text)) for text in others} | {fingerprint(plain)}) == 3


def test_fingerprint_is_the_same_in_every_process() -> None:
    text = "SEQ(A[x IN (1, 2) AND y > z] a, NOT C[t = a.x] c, B b) BY u WITHIN 5m"
    code = (
        "from tests.engines.story import plan_of; from cep.plan.fingerprint import fingerprint;"
        f"print(fingerprint(plan_of({text!r})).hex())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == fingerprint(plan_of(text)).hex()
