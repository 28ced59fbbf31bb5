"""Records of a topic give what the same records in a file give, and none of them is passed over."""

import json

import pytest

from cep.columns import Batch, Projection
from cep.inputs import InputSettings
from cep.ports.records import RecordDecoder
from cep.ports.rows import Reading

READING = Reading("t/0", InputSettings(), Projection(frozenset({"v"})), index=2)


def event(v: int) -> bytes:
    return json.dumps({"type": "A", "ts": 1_700_000_000_000 + v, "v": v}).encode()


def rows(batch: Batch) -> list[tuple[int, int, int]]:
    return [(int(batch.line[i]), int(batch.seq[i]), batch.column("v").at(i)) for i in range(len(batch))]


@pytest.mark.parametrize("count", [1, 3, 400])
@pytest.mark.parametrize("step", [1, 2, 17, 1000])
def test_line_is_offset_plus_one_also_with_gaps(count: int, step: int) -> None:
    decoder = RecordDecoder(READING)
    offsets = [100 + step * i for i in range(count)]
    chunk = decoder.chunk(offsets, [event(i) for i in range(count)])
    assert chunk.rejects == ()
    assert rows(chunk.batch) == [(o + 1, (2 << 40) + o + 1, i) for i, o in enumerate(offsets)]


@pytest.mark.parametrize("value", [None, b"", b"  ", b"\n", b"{", b"{\n}{", b"[]", b"\xff"])
@pytest.mark.parametrize("around", [1, 300])
def test_every_record_that_is_no_event_is_refused(value: bytes | None, around: int) -> None:
    records = [event(i) for i in range(around)]
    chunk = RecordDecoder(READING).chunk(list(range(2 * around + 1)), [*records, value, *records])
    assert len(chunk.batch) == 2 * around
    assert [(reject.line, reject.raw) for reject in chunk.rejects] == [(around + 1, value or b"")]


def test_a_record_may_stand_on_several_lines() -> None:
    pretty = json.dumps(json.loads(event(7)), indent=2).encode()
    chunk = RecordDecoder(READING).chunk([5, 6, 7], [event(6), pretty, event(8)])
    assert [v for _, _, v in rows(chunk.batch)] == [6, 7, 8]
    assert chunk.batch.line.tolist() == [6, 7, 8]
