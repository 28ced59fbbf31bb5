"""Planted cases that no single customer shows: many cards at one shop, one card range, a silent machine."""

from collections.abc import Iterator

from samples.stage import Case, Cast
from samples.world import DAY, HOUR, MINUTE, SECOND, START_MS, TERMINALS, SampleEvent, late, make


def merchant_declines(cast: Cast) -> Iterator[Case]:
    """Ten or more declines of at least eight cards at one merchant, no pause longer than five minutes."""
    stories = (
        # note, alert, declines, cards, minutes from first to last, minutes of a pause halfway
        ("twelve cards in twenty minutes", True, 12, 12, 20, 0),
        ("fifteen declines of eight cards", True, 15, 8, 30, 0),
        ("a long session: thirty cards in an hour and a half", True, 30, 30, 90, 0),
        ("twelve declines of seven cards", False, 12, 7, 20, 0),
        ("nine cards", False, 9, 9, 20, 0),
        ("two times six, six minutes apart", False, 12, 12, 20, 6),
    )
    for note, alert, count, cards, minutes, pause in stories:
        merchant = cast.world.name("kiosk-")
        start_ms = cast.moment((minutes + pause) * MINUTE)
        step_ms = minutes * MINUTE // count
        # Every card comes from another range, and is short of money: neither looks like bin_attack.
        names = [cast.world.name("9800") + "-77" for _ in range(cards)]
        declined = []
        for index in range(count):
            at_ms = start_ms + index * step_ms + (pause * MINUTE if index >= count // 2 else 0)
            declined.append(_decline(cast, at_ms, names[index % cards], merchant, "funds"))
        yield Case("merchant_declines", {"merchant": merchant}, alert, note, declined, emit="DeclineRun")


def bin_attack(cast: Cast) -> Iterator[Case]:
    """Ten cards of one range declined within an hour for a wrong code or date; once an hour is enough."""
    stories = (
        # note, alert, cards, first minute of the hour, minutes from first to last, reasons
        ("twelve cards in half an hour", True, 12, 10, 30, ("cvv", "expiry")),
        ("ten cards in an hour", True, 10, 40, 60, ("cvv",)),
        ("forty cards in five minutes are one alert", True, 40, 30, 5, ("cvv", "cvv", "expiry")),
        ("nine cards", False, 9, 10, 30, ("cvv", "expiry")),
        ("twelve cards in three hours", False, 12, 45, 180, ("cvv",)),
        ("fourteen cards without money", False, 14, 10, 30, ("funds",)),
    )
    for note, alert, cards, minute, minutes, reasons in stories:
        issuer = cast.world.name("97000")
        hour_ms = cast.moment(2 * HOUR) // HOUR * HOUR
        offsets = cast.spread(cards, minutes * MINUTE)
        declined = [
            _decline(
                cast,
                hour_ms + minute * MINUTE + at,
                f"{issuer}-{index:04d}",
                # Spread over many shops, so that none of them sees the run of merchant_declines.
                f"web-{index % 12 + 1:02d}",
                reasons[index % len(reasons)],
            )
            for index, at in enumerate(offsets)
        ]
        # The tenth completes the alert; what comes behind it falls under the limit.
        taken, rest = (declined[:10], declined[10:]) if alert else (declined, [])
        yield Case("bin_attack", {"bin": issuer}, alert, note, taken, rest, emit="BinAttack")


def _decline(cast: Cast, ts_ms: int, card: str, merchant: str, reason: str) -> SampleEvent:
    amount = cast.rng.randrange(5, 90)
    issuer = card.partition("-")[0]
    return make(
        None, "CardDeclined", ts_ms, card=card, bin=issuer, merchant=merchant, reason=reason, amount=amount
    )


def silent_terminal(cast: Cast) -> Iterator[Case]:
    """A machine that gives no sign of life for twenty minutes and did not say that it goes off."""
    stories = (
        # note, alert, ms until the next sign of life, ms until it says it goes off, delay in the file
        ("silent for two hours", True, 2 * HOUR, None, 0),
        ("a millisecond more than twenty minutes", True, 20 * MINUTE + 1, None, 0),
        ("silent until it is switched off for the night", True, None, None, 0),
        ("exactly twenty minutes", False, 20 * MINUTE, None, 0),
        ("it says it goes off, and comes back", False, 90 * MINUTE, 7 * MINUTE, 0),
        (
            "the sign of life is in time, its record comes 25 seconds late",
            False,
            20 * MINUTE - 1,
            None,
            25_000,
        ),
    )
    days = cast.rng.sample(range(3, cast.world.days - 2), len(stories))
    for day, (note, alert, next_ms, off_ms, delay_ms) in zip(days, stories, strict=True):
        terminal = cast.rng.choice(TERMINALS)
        # Between two of the regular signs of life, in the morning.
        last_ms = START_MS + day * DAY + 10 * HOUR + 4 * MINUTE
        back_ms = last_ms + next_ms if next_ms else START_MS + day * DAY + 20 * HOUR
        cast.hush(terminal, "terminal", last_ms - 2 * MINUTE, back_ms)
        taken = [make(None, "Heartbeat", last_ms, terminal=terminal)]
        context = []
        if next_ms:
            context.append(late(make(None, "Heartbeat", back_ms, terminal=terminal), delay_ms))
        if off_ms:
            context.append(make(None, "TerminalOff", last_ms + off_ms, terminal=terminal))
        due_ms = last_ms + 20 * MINUTE
        key = {"terminal": terminal}
        # Whoever takes the file's order for time sees this after the deadline, and no sign of life yet.
        other = TERMINALS[TERMINALS.index(terminal) - 1]
        witness = [make(None, "Heartbeat", due_ms + 10 * SECOND, terminal=other)] if delay_ms else []
        if alert:
            yield Case(
                "silent_terminal", key, True, note, taken, context, "SilentTerminal", "absence", due_ms
            )
        else:
            yield Case("silent_terminal", key, False, note, [*taken, *context], witness)
