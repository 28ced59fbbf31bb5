"""Every way to write a time gives the same millisecond, and what is no time says why."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cep.event import Timestamp
from cep.inputs import TimeSettings, zone_of
from cep.ports.times import MS_MAX, MS_MIN, TimeReader, datetime_ms

MS = 1769844600125
"""2026-01-31 07:30:00.125 UTC"""


def read(time_format: str | None, *raws: object, year: int | None = None, zone: str = "UTC") -> list[int]:
    reader = TimeReader(TimeSettings(format=time_format, year=year, zone=zone))
    return [reader.ms(raw) for raw in raws]


@pytest.mark.parametrize(
    ("time_format", "raw"),
    [
        ("epoch_ms", MS),
        ("epoch_ms", float(MS)),
        ("epoch_ms", str(MS)),
        ("epoch_ms", f"{MS}.9"),
        ("epoch_s", 1769844600.125),
        ("epoch_s", "1769844600.125"),
        ("epoch_s", "1769844600.1259999"),
        ("epoch_s", Decimal("1769844600.125")),
        ("epoch_us", MS * 1000 + 999),
        ("epoch_us", str(MS * 1000)),
        ("iso8601", "2026-01-31T07:30:00.125Z"),
        ("iso8601", "2026-01-31 07:30:00.125"),
        ("iso8601", "2026-01-31T08:30:00.125999+01:00"),
        ("iso8601", "20260131T073000.125Z"),
        ("%d/%b/%Y:%H:%M:%S.%f", "31/Jan/2026:07:30:00.125"),
        ("%d/%b/%Y:%H:%M:%S.%f %z", "31/Jan/2026:08:30:00.125 +0100"),
        (None, MS),
        (None, str(MS)),
        (None, 1769844600.125),
        (None, MS * 1000),
        (None, "2026-01-31T07:30:00.125Z"),
        ("epoch_s", Timestamp(MS)),
    ],
)
def test_one_moment(time_format: str | None, raw: object) -> None:
    assert read(time_format, raw) == [MS]


@given(st.integers(0, 10**13), st.sampled_from(["epoch_s", "epoch_ms", "epoch_us"]))
def test_epoch_keeps_every_millisecond(ms: int, time_format: str) -> None:
    per_ms = {"epoch_s": Decimal("0.001"), "epoch_ms": Decimal(1), "epoch_us": Decimal(1000)}[time_format]
    exact = ms * per_ms
    assert read(time_format, str(exact), float(exact)) == [ms, ms]


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_iso_is_floored_and_takes_any_offset(moment: datetime, minutes: int) -> None:
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    aware = moment.replace(tzinfo=zone_of(zone))
    expected = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert read("iso8601", aware.isoformat()) == [expected]
    assert read("iso8601", moment.isoformat(), zone=zone) == [expected]
    assert datetime_ms(aware, UTC) == expected


@pytest.mark.parametrize(
    ("zone", "text", "utc"),
    [
        ("+01:00", "2026-01-31", "2026-01-30T23:00"),
        ("Europe/Stockholm", "2026-07-01 12:00", "2026-07-01T10:00"),
        ("Europe/Stockholm", "2026-01-01 12:00", "2026-01-01T11:00"),
        ("Europe/Stockholm", "2026-01-01 12:00Z", "2026-01-01T12:00"),
    ],
)
def test_zone_of_times_that_name_none(zone: str, text: str, utc: str) -> None:
    assert read("iso8601", text, zone=zone) == read("iso8601", utc)
    if "Z" not in text and ":" in text:
        assert read("%Y-%m-%d %H:%M", text, zone=zone) == read("iso8601", utc)


@pytest.mark.parametrize(
    ("time_format", "raw", "reason"),
    [
        ("epoch_ms", "soon", "is 'soon', not epoch_ms"),
        ("epoch_ms", True, "is True, not epoch_ms"),
        ("epoch_ms", [1], r"is \[1\], not epoch_ms"),
        ("epoch_ms", float("nan"), "is nan, not epoch_ms"),
        ("epoch_s", float("inf"), "is inf, not epoch_s"),
        ("epoch_s", 10**400, "not epoch_s"),
        ("epoch_s", "1_000", "is '1_000', not epoch_s"),
        ("epoch_s", MS, "a time outside the years 1 to 9999: is it in another unit"),
        ("epoch_ms", MS_MAX + 1, "outside the years"),
        ("epoch_ms", MS_MIN - 1, "outside the years"),
        ("iso8601", "31.1.2026", "is '31.1.2026', not iso8601"),
        ("iso8601", 20260131, "is 20260131, not iso8601"),
        ("iso8601", "2026-01-31T23:59:60Z", "not iso8601"),
        ("%Y-%m-%d", "2026-02-30", "is '2026-02-30', not of the form '%Y-%m-%d'"),
        ("%Y-%m-%d", 7, "is 7, not of the form"),
        ("%b %d", "Feb 29", "is 'Feb 29', not of the form '%b %d' in 2025"),
        ("%b %d", None, "is None, not of the form"),
        (None, "soon", "is 'soon', not iso8601"),
        (None, True, "is True, not a time"),
        (None, float("nan"), "is nan: no epoch"),
        (None, 10**18, "no epoch in seconds, milliseconds or microseconds is that large"),
    ],
)
def test_no_time(time_format: str | None, raw: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(time_format, raw, year=2025)


def test_a_guess_is_kept_and_a_bad_time_settles_none() -> None:
    reader = TimeReader(TimeSettings())
    with pytest.raises(ValueError, match="not iso8601"):
        reader.ms("soon")
    assert reader.ms(10**9) == 10**12
    assert reader.ms(10**9 + 1) == 10**12 + 1000
    with pytest.raises(ValueError, match="another unit"):
        reader.ms(MS)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (TimeSettings(format="%b %d"), "says no year"),
        (TimeSettings(zone="Mars"), "is no zone"),
    ],
)
def test_settings_that_cannot_be_used(settings: TimeSettings, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TimeReader(settings)


# ------------------------------------------------------------------------------- times without a year


def days(*texts: str, year: int = 2025) -> list[str]:
    """What times as `Dec 31 23:59` are in a file that has them in this order."""
    found = read("%b %d %H:%M", *texts, year=year)
    return [
        (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms)).strftime("%Y-%m-%d %H:%M")
        for ms in found
    ]


def test_year_of_the_first_time() -> None:
    assert days("Dec  1 06:55", "Dec 10 06:55") == ["2025-12-01 06:55", "2025-12-10 06:55"]
    assert days("Feb 29 12:00", year=2024) == ["2024-02-29 12:00"]


def test_new_year() -> None:
    assert days(
        "Dec 31 23:59", "Jan  1 00:00", "Jan  1 00:00", "Dec 31 23:59", "Jan  2 00:00", "Aug  1 00:00"
    ) == [
        "2025-12-31 23:59",
        "2026-01-01 00:00",
        "2026-01-01 00:00",
        "2025-12-31 23:59",
        "2026-01-02 00:00",
        "2026-08-01 00:00",
    ]


def test_several_new_years_and_a_leap_day() -> None:
    texts = [f"{month} 15 00:00" for _ in range(3) for month in ("Jan", "May", "Sep")]
    found = days("Feb 15 00:00", *texts[1:], "Feb 29 00:00", year=2025)
    assert found[-2:] == ["2027-09-15 00:00", "2028-02-29 00:00"]


def test_the_same_text_a_year_later_is_a_year_later() -> None:
    assert days("Jan  1 00:00", "Jun 15 00:00", "Dec 31 00:00", "Jan  1 00:00")[-1] == "2026-01-01 00:00"


def test_a_quiet_spring_is_no_new_year() -> None:
    assert days("Jan  5 00:00", "Dec 20 00:00") == ["2025-01-05 00:00", "2025-12-20 00:00"]
    assert days("Dec 31 00:00", "Jan  5 00:00", "Dec 20 00:00")[-1] == "2026-12-20 00:00"


def test_a_leap_day_in_a_year_without_one_is_no_time() -> None:
    for texts in (["Feb 29 00:00"], ["Feb 28 00:00", "Feb 29 00:00"], ["Jul  1 00:00", "Feb 29 00:00"]):
        with pytest.raises(ValueError, match="not of the form '%b %d %H:%M' in 2027"):
            days(*texts, year=2027)


def test_a_time_that_cannot_be_read_changes_no_year() -> None:
    reader = TimeReader(TimeSettings(format="%b %d", year=2025))
    expected = reader.ms("Dec 30")
    for _ in range(2):
        with pytest.raises(ValueError, match="not of the form"):
            reader.ms("Feb 29")
    assert reader.ms("Dec 30") == expected


@given(st.lists(st.integers(0, 400 * 24 * 60), min_size=1, max_size=30), st.integers(1, 3))
def test_a_sorted_log_without_gaps_is_read_as_it_was_written(minutes: list[int], first_year: int) -> None:
    start = datetime(2020 + first_year, 3, 1, tzinfo=UTC)
    filled = sorted({*minutes, *range(0, max(minutes), 30 * 24 * 60)})
    moments = [start + timedelta(minutes=minute) for minute in filled]
    found = read("%b %d %H:%M", *(f"{each:%b %d %H:%M}" for each in moments), year=start.year)
    assert found == [datetime_ms(each, UTC) for each in moments]


def test_many_texts_do_not_grow_the_memory_of_them() -> None:
    texts = [f"{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}" for n in range(25_000)]
    expected = [n * 1000 for n in range(25_000)]
    start = read("%Y %H:%M:%S", "1970 00:00:00")[0]
    assert read("%Y %H:%M:%S", *(f"1970 {text}" for text in texts)) == [start + ms for ms in expected]
