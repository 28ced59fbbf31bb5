"""Planted cases about cards: tested, copied, stolen, guessed, overcharged."""

from collections.abc import Iterator

from samples.stage import Case, Cast, Scene
from samples.world import DAY, HOUR, MINUTE, SECOND, TERMINALS, Given, SampleEvent

_CARD = {"card": 2 * HOUR}


def card_testing(cast: Cast) -> Iterator[Case]:
    """Three amounts below 2, then 50 or more and over fifty times their average, within an hour."""
    stories = (
        # note, alert, probes (minute, amount), the big one (ms, amount), probes too early to count
        ("three probes, then 120", True, [(0, "1.00"), (1, "1.20"), (2, "0.90")], 9 * MINUTE, 120, 0),
        ("six probes, then 480", True, [(at, "1.50") for at in range(6)], 20 * MINUTE, 480, 0),
        (
            "the first probe is too old, three are left",
            True,
            [(0, "1.00"), (40, "0.80"), (45, "1.10"), (50, "1.00")],
            62 * MINUTE,
            240,
            1,
        ),
        ("exactly an hour", True, [(0, "1.00"), (1, "1.20"), (2, "0.90")], HOUR, 120, 0),
        ("two probes", False, [(0, "1.00"), (1, "1.20")], 9 * MINUTE, 120, 0),
        ("a millisecond more than an hour", False, [(0, "1.00"), (1, "1.20"), (2, "0.90")], HOUR + 1, 120, 0),
        ("less than fifty times the average", False, [(at, "1.90") for at in range(3)], 9 * MINUTE, 90, 0),
        ("an amount of 2.00 is no probe", False, [(0, "1.00"), (1, "2.00"), (2, "0.90")], 9 * MINUTE, 120, 0),
    )
    for note, alert, probes, big_ms, amount, early in stories:
        scene = cast.scene(big_ms, _CARD)
        small = [_pay(scene, minute * MINUTE, price, entry="online") for minute, price in probes]
        big = _pay(scene, big_ms, amount, entry="online", merchant="web-03")
        taken = [*small[early:], big]
        yield Case("card_testing", scene.key("card"), alert, note, taken, small[:early], "CardTesting")


def impossible_travel(cast: Cast) -> Iterator[Case]:
    """The chip of one card is read in two countries within an hour."""
    stories: tuple[tuple[str, list[tuple[int, str, str]], list[tuple[int, int]]], ...] = (
        # note, payments (minute, country, entry), the pairs that alert
        ("two countries in twenty minutes", [(0, "SE", "chip"), (20, "US", "chip")], [(0, 1)]),
        ("the later of two at home", [(0, "SE", "chip"), (9, "SE", "chip"), (50, "GB", "chip")], [(1, 2)]),
        (
            "three countries in a row",
            [(0, "SE", "chip"), (20, "ES", "chip"), (45, "GR", "chip")],
            [(0, 1), (1, 2)],
        ),
        ("exactly an hour", [(0, "FI", "chip"), (60, "TH", "chip")], [(0, 1)]),
        ("61 minutes", [(0, "SE", "chip"), (61, "US", "chip")], []),
        ("abroad, but online", [(0, "SE", "chip"), (20, "US", "online")], []),
        ("abroad, but contactless", [(0, "SE", "contactless"), (20, "US", "chip")], []),
        ("one country", [(0, "SE", "chip"), (20, "SE", "chip")], []),
    )
    for note, story, pairs in stories:
        scene = cast.scene(61 * MINUTE, _CARD)
        paid = [
            _pay(scene, minute * MINUTE, 40 + minute, country=country, entry=entry)
            for minute, country, entry in story
        ]
        key = scene.key("card")
        for pair in pairs:
            taken = [paid[index] for index in pair]
            context = [event for event in paid if event not in taken]
            yield Case("impossible_travel", key, True, note, taken, context, "ImpossibleTravel")
        if not pairs:
            yield Case("impossible_travel", key, False, note, paid)


def rising_amounts(cast: Cast) -> Iterator[Case]:
    """Five online payments of one card in a row, each larger than the one before, within ten minutes."""
    stories = (
        # note, alert, amounts, seconds between, position paid by chip, positions that the alert takes
        ("10, 20, 30, 40, 50", True, (10, 20, 30, 40, 50), 40, None, range(5)),
        ("a fall first, then five that rise", True, (40, 10, 15, 20, 25, 30), 60, None, range(1, 6)),
        (
            "eight that rise: the fifth completes it",
            True,
            (5, 9, 12, 30, 31, 60, 90, 200),
            45,
            None,
            range(5),
        ),
        ("four that rise, twice", False, (10, 20, 30, 40, 10, 20, 30, 40), 45, None, range(8)),
        ("equal amounts in the middle", False, (10, 20, 20, 30, 40), 45, None, range(5)),
        ("a payment by chip in the middle", False, (10, 20, 25, 30, 40, 50), 45, 2, range(6)),
        ("five that rise in more than ten minutes", False, (10, 20, 30, 40, 50), 160, None, range(5)),
    )
    for note, alert, amounts, seconds, by_chip, positions in stories:
        scene = cast.scene(15 * MINUTE, _CARD)
        paid = [
            _pay(scene, index * seconds * SECOND, amount, entry="chip" if index == by_chip else "online")
            for index, amount in enumerate(amounts)
        ]
        taken = [paid[index] for index in positions]
        context = [event for event in paid if event not in taken]
        yield Case("rising_amounts", scene.key("card"), alert, note, taken, context, "RisingAmounts")


def pin_bypass(cast: Cast) -> Iterator[Case]:
    """Two wrong PINs and then cash, with no right PIN between; five minutes at most, pauses of three."""
    wrong, right, cash = "PinFail", "PinOk", "CashOut"
    stories = (
        # note, alert, events with their second, position of the first one the alert takes
        ("two wrong PINs, then cash", True, [(wrong, 0), (wrong, 20), (cash, 50)], 0),
        ("three wrong PINs: the last two", True, [(wrong, 0), (wrong, 20), (wrong, 41), (cash, 70)], 1),
        ("pauses of exactly three and two minutes", True, [(wrong, 0), (wrong, 180), (cash, 300)], 0),
        ("the right PIN before the cash", False, [(wrong, 0), (wrong, 20), (right, 33), (cash, 50)], 0),
        ("one wrong PIN", False, [(wrong, 0), (cash, 30)], 0),
        ("a pause of more than three minutes", False, [(wrong, 0), (wrong, 20), (cash, 201)], 0),
        ("more than five minutes in all", False, [(wrong, 0), (wrong, 170), (cash, 301)], 0),
    )
    for note, alert, story, first in stories:
        scene = cast.scene(5 * MINUTE, {"cash": 2 * HOUR})
        terminal = scene.rng.choice(TERMINALS)
        events = []
        for kind, at in story:
            given: dict[str, Given] = {"terminal": terminal}
            if kind == cash:
                given["amount"] = 500
            events.append(scene.event(kind, at * SECOND, **given))
        taken, context = events[first:], events[:first]
        yield Case("pin_bypass", scene.key("card"), alert, note, taken, context, "PinBypass")


def stolen_card(cast: Cast) -> Iterator[Case]:
    """A card reported stolen is used before it is blocked, or is not blocked within half an hour."""
    stories: tuple[tuple[str, list[int], int | None, str | None], ...] = (
        # note, minutes of payments, minute of the block, outcome of the alert if there is one
        ("used before the block", [5], 9, "match"),
        ("used three times before the block", [2, 4, 7], 9, "match"),
        ("not blocked at all", [], None, "timeout"),
        ("blocked after forty minutes", [], 40, "timeout"),
        ("blocked, then tried", [6], 3, None),
        ("used before the report", [-4], 8, None),
        ("blocked in time, used an hour later", [90], 29, None),
    )
    for note, paid_at, blocked_at, outcome in stories:
        scene = cast.scene(90 * MINUTE, {"card": 2 * HOUR, "cash": 2 * HOUR})
        # Nobody uses the card any more.
        for topic in ("card", "cash"):
            cast.hush(scene.user.user_id, topic, scene.start_ms, cast.world.end_ms + 30 * DAY)
        report = scene.event("CardReportedStolen", 0)
        paid = [_pay(scene, minute * MINUTE, 60 + minute) for minute in paid_at]
        block = [] if blocked_at is None else [scene.event("CardBlocked", blocked_at * MINUTE)]
        key = scene.key("card")
        if outcome is None:
            yield Case("stolen_card", key, False, note, [report, *paid, *block])
        elif outcome == "match":
            taken, context = [report, paid[0]], [*paid[1:], *block]
            yield Case("stolen_card", key, True, note, taken, context, "StolenCardUsed")
        else:
            due_ms = report.ts_ms + 30 * MINUTE
            yield Case("stolen_card", key, True, note, [report], block, "CardNotBlocked", outcome, due_ms)


def overcharged_clearing(cast: Cast) -> Iterator[Case]:
    """A clearing takes more than a fifth above what was authorised; either may come first, a week apart."""
    stories = (
        # note, alert, authorised, hours until the clearing, cleared, same authorisation
        ("half as much again, two days later", True, "100.00", 48, "150.00", True),
        ("just above a fifth", True, "80.00", 130, "96.01", True),
        ("the clearing comes before the authorisation", True, "60.00", -3, "90.00", True),
        ("exactly a fifth", False, "100.00", 48, "120.00", True),
        ("another authorisation of the card", False, "100.00", 48, "150.00", False),
        ("eight days later", False, "100.00", 192, "150.00", True),
    )
    for note, alert, authorised, hours, cleared, same in stories:
        scene = cast.scene(abs(hours) * HOUR, _CARD)
        code = cast.world.serial()
        other = code if same else cast.world.serial()
        taken = [
            _pay(scene, 0, authorised, merchant="hotel-02", auth_code=code),
            scene.event("Clearing", hours * HOUR, amount=cleared, merchant="hotel-02", auth_code=other),
        ]
        yield Case("overcharged_clearing", scene.key("card"), alert, note, taken, emit="Overcharged")


def _pay(scene: Scene, at_ms: int, amount: Given, **given: Given) -> SampleEvent:
    """Build a card payment; without a code of its own it gets the number of its moment."""
    given.setdefault("auth_code", f"9{(scene.start_ms + at_ms) // SECOND % 100_000:05d}")
    return scene.event("CardAuth", at_ms, amount=amount, **given)
