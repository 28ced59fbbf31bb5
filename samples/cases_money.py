"""Planted cases about money on accounts and in the web shop."""

from collections.abc import Iterator

from samples.stage import Case, Cast
from samples.world import DAY, HOUR, MINUTE, SECOND, Given, SampleEvent, late, make


def mule_account(cast: Cast) -> Iterator[Case]:
    """Three times money comes in and nearly all leaves within a day; closed within a week of the first."""
    stories = (
        # note, alert, hops, share taken out in percent, days from the first deposit to the closing
        ("three hops, then closed", True, 3, 96, 4),
        ("five hops", True, 5, 92, 6),
        ("exactly nine tenths, closed after exactly a week", True, 3, 90, 7),
        ("two hops", False, 2, 96, 4),
        ("four fifths taken out", False, 3, 80, 4),
        ("closed after eight days", False, 3, 96, 8),
    )
    for note, alert, hops, percent, days in stories:
        scene = cast.scene(8 * DAY, {})
        account = f"{scene.user.values['account']}-m"
        context = [scene.event("AccountOpened", -HOUR, account=account)]
        taken = []
        for hop in range(hops):
            amount = 900 + 250 * hop
            at_ms = hop * 26 * HOUR
            taken.append(scene.event("Deposit", at_ms, account=account, amount=amount))
            out = f"{amount * percent / 100:.2f}"
            # A coffee in between does not break the chain.
            context.append(scene.event("Withdrawal", at_ms + HOUR, account=account, amount=4))
            taken.append(scene.event("Withdrawal", at_ms + 5 * HOUR, account=account, amount=out))
        taken.append(scene.event("AccountClosed", days * DAY, account=account))
        yield Case("mule_account", {"account": account}, alert, note, taken, context, "MuleAccount")


def structuring(cast: Cast) -> Iterator[Case]:
    """Three deposits of cash in three days, each just below the 10,000 that must be reported."""
    stories: tuple[tuple[str, bool, list[tuple[int, Given]], str, int], ...] = (
        # note, alert, deposits (hour, amount), source, how many the alert takes
        ("three deposits in two days", True, [(0, 9_500), (20, 9_900), (47, 8_800)], "cash", 3),
        (
            "six deposits; the second three fall under the limit of one alert a week",
            True,
            [(0, 9_000), (5, 9_100), (24, 9_200), (29, 9_300), (48, 9_400), (53, 9_500)],
            "cash",
            3,
        ),
        ("a cent below, and exactly four fifths", True, [(0, "9999.99"), (1, 8_000), (72, 9_000)], "cash", 3),
        ("one of them is reported", False, [(0, 9_500), (20, 10_000), (47, 8_800)], "cash", 3),
        ("one of them is small", False, [(0, 9_500), (20, "7999.99"), (47, 8_800)], "cash", 3),
        ("three deposits in more than three days", False, [(0, 9_500), (40, 9_900), (73, 8_800)], "cash", 3),
        ("not cash", False, [(0, 9_500), (20, 9_900), (47, 8_800)], "transfer", 3),
    )
    for note, alert, story, source, bound in stories:
        scene = cast.scene(4 * DAY, {})
        paid_in = [
            scene.event("Deposit", hour * HOUR, amount=amount, source=source) for hour, amount in story
        ]
        key = scene.key("account")
        yield Case("structuring", key, alert, note, paid_in[:bound], paid_in[bound:], "Structuring")


def pass_through_account(cast: Cast) -> Iterator[Case]:
    """Within two days of its identity check an account gives out at least 95 percent of what was paid in."""
    check, paid, out = "KycPassed", "Deposit", "Withdrawal"
    stories = (
        # note, alert, events (hour, type, amount), positions that the alert leaves out
        ("one deposit, gone", True, [(0, check, 0), (3, paid, 3_000), (20, out, 2_950)], ()),
        (
            "three deposits, a small withdrawal between",
            True,
            [(0, check, 0), (1, paid, 800), (2, paid, 900), (4, out, 200), (9, paid, 700), (48, out, 2_280)],
            (3,),
        ),
        (
            "a second round; one alert for one account is enough",
            True,
            [(0, check, 0), (1, paid, 900), (2, out, 900), (30, check, 0), (31, paid, 900), (32, out, 900)],
            (3, 4, 5),
        ),
        ("nine tenths", False, [(0, check, 0), (3, paid, 3_000), (20, out, 2_700)], ()),
        ("after two days and an hour", False, [(0, check, 0), (3, paid, 3_000), (49, out, 2_950)], ()),
        ("too little to matter", False, [(0, check, 0), (3, paid, 490), (20, out, 490)], ()),
        ("identity checked only afterwards", False, [(3, paid, 3_000), (20, out, 2_950), (21, check, 0)], ()),
    )
    for note, alert, story, left_out in stories:
        scene = cast.scene(3 * DAY, {})
        account = f"{scene.user.values['account']}-n"
        events = []
        for hour, kind, amount in story:
            given: dict[str, Given] = {} if kind == check else {"amount": amount}
            events.append(scene.event(kind, hour * HOUR, account=account, **given))
        taken = [event for index, event in enumerate(events) if index not in left_out]
        context = [events[index] for index in left_out]
        yield Case("pass_through_account", {"account": account}, alert, note, taken, context, "PassThrough")


def night_drain(cast: Cast) -> Iterator[Case]:
    """Between one and five at night, Stockholm time, three payees get 2,000 or more within an hour."""
    stories: tuple[tuple[str, bool, tuple[int, int], list[tuple[int, Given]], int], ...] = (
        # note, alert, first hour and minute (UTC), transfers (minute, amount), payees
        ("three payees get 700 each", True, (1, 10), [(0, 700), (6, 700), (11, 700)], 3),
        ("the fourth transfer reaches 2,000", True, (1, 20), [(0, 500), (6, 500), (11, 500), (60, 500)], 4),
        ("two payees, then a third", True, (2, 0), [(0, 900), (5, 900), (9, 900), (14, 900)], 3),
        ("two payees", False, (1, 10), [(0, 700), (6, 700), (11, 700)], 2),
        ("by day", False, (12, 10), [(0, 700), (6, 700), (11, 700)], 3),
        ("less than 2,000", False, (1, 10), [(0, 700), (6, 700), (11, "599.99")], 3),
        ("the third comes after five in the morning", False, (3, 40), [(0, 900), (10, 900), (25, 900)], 3),
        ("the third comes after an hour and a minute", False, (1, 10), [(0, 900), (30, 900), (61, 900)], 3),
    )
    for note, alert, (hour, minute), story, payees in stories:
        start_ms = cast.moment(2 * HOUR, hour=hour) // HOUR * HOUR + minute * MINUTE
        scene = cast.scene_at(start_ms, 61 * MINUTE, {"session": 2 * HOUR, "profile": 2 * HOUR})
        names = [cast.world.name("x9") for _ in range(payees)]
        if note.startswith("two payees, then"):
            names.insert(1, names[0])
        sent = [
            scene.event("Transfer", at * MINUTE, amount=amount, payee=names[index % len(names)])
            for index, (at, amount) in enumerate(story)
        ]
        yield Case("night_drain", scene.key("account"), alert, note, sent, emit="NightDrain")


def unpaid_order(cast: Cast) -> Iterator[Case]:
    """An order that is neither paid nor cancelled within the hour."""
    stories = (
        # note, alert, paid, cancelled, delay of the payment in the file
        ("never paid", True, None, None, 0),
        ("paid a millisecond after the hour", True, HOUR + 1, None, 0),
        ("paid two hours later", True, 2 * HOUR, None, 0),
        ("cancelled only after the hour", True, None, HOUR + MINUTE, 0),
        ("paid exactly after an hour", False, HOUR, None, 0),
        ("cancelled after forty minutes", False, None, 40 * MINUTE, 0),
        ("paid in the last second, recorded 25 seconds late", False, HOUR - SECOND, None, 25_000),
    )
    for note, alert, paid_ms, cancelled_ms, delay_ms in stories:
        scene = cast.scene(2 * HOUR, {})
        order_id = f"o{cast.world.serial()}"
        order: dict[str, Given] = {"order_id": order_id, "amount": scene.rng.randrange(20, 300)}
        taken = [scene.event("Order", 0, **order)]
        context: list[SampleEvent] = []
        if paid_ms is not None:
            context.append(late(scene.event("Payment", paid_ms, **order), delay_ms))
        if cancelled_ms is not None:
            context.append(scene.event("OrderCancelled", cancelled_ms, order_id=order_id))
        key = {"order_id": order_id}
        # Whoever takes the file's order for time sees this after the hour, and no payment yet.
        witness = [late(scene.event("Logout", HOUR + 10 * SECOND), 0)] if delay_ms else []
        if alert:
            due_ms = scene.start_ms + HOUR
            yield Case("unpaid_order", key, True, note, taken, context, "UnpaidOrder", "absence", due_ms)
        else:
            yield Case("unpaid_order", key, False, note, [*taken, *context], witness)


def refund_abuse(cast: Cast) -> Iterator[Case]:
    """Four refunds for four orders within two weeks, 400 or more together."""
    stories: tuple[tuple[str, bool, list[tuple[int, Given, int]]], ...] = (
        # note, alert, refunds (day, amount, number of the order)
        ("four refunds, 600", True, [(1, 150, 0), (3, 150, 1), (6, 150, 2), (10, 150, 3)]),
        ("the fifth refund reaches 400", True, [(1, 80, 0), (3, 80, 1), (5, 80, 2), (7, 80, 3), (9, 80, 4)]),
        ("exactly two weeks and exactly 400", True, [(1, 100, 0), (2, 100, 1), (3, 100, 2), (15, 100, 3)]),
        ("four refunds for three orders", False, [(1, 150, 0), (3, 150, 1), (6, 150, 2), (10, 150, 2)]),
        ("a cent short", False, [(1, 100, 0), (3, 100, 1), (6, 100, 2), (10, "99.99", 3)]),
        ("more than two weeks", False, [(1, 150, 0), (3, 150, 1), (6, 150, 2), (16, 150, 3)]),
    )
    for note, alert, story in stories:
        scene = cast.scene(16 * DAY, {"shop": 15 * DAY})
        orders = [f"o{cast.world.serial()}" for _ in story]
        context, taken = [], []
        for number in sorted({number for _, _, number in story}):
            order: dict[str, Given] = {"order_id": orders[number], "amount": 300}
            context.append(scene.event("Order", number * HOUR, **order))
            context.append(scene.event("Payment", number * HOUR + 4 * MINUTE, **order))
        for day, amount, number in story:
            taken.append(
                make(scene.user, "Refund", scene.start_ms + day * DAY, order_id=orders[number], amount=amount)
            )
        yield Case("refund_abuse", scene.key("customer"), alert, note, taken, context, "RefundAbuse")
