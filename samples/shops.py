"""Ordinary cards, cash machines and web shops."""

from collections.abc import Iterator
from random import Random

from samples.times import Episode, moment_of, spaced
from samples.world import (
    DAY,
    HOUR,
    MERCHANTS,
    MINUTE,
    SECOND,
    START_MS,
    TERMINALS,
    Given,
    SampleEvent,
    User,
    World,
    make,
    money,
)

_KINDS = ("grocer", "grocer", "grocer", "grocer", "cafe", "cafe", "fuel", "pharmacy", "hotel", "web", "web")
_ABROAD = ("ES", "GR", "GB", "US", "TH")
_OPENS, _CLOSES = 6, 20  # hours, UTC, of the cash machines


def purchases(world: World, user: User) -> Iterator[Episode]:
    """Yield the user's card payments; some go abroad for a few days, a few have a card stolen."""
    rng = world.rng("purchases", user.user_id)
    leaves, returns = _journey(world, rng)
    stolen_day = _stolen_day(world, user)
    for day in range(world.days):
        # Nobody pays on the days of the flights: impossible_travel looks at one hour.
        if day in {leaves, returns, stolen_day}:
            continue
        away = leaves < day < returns
        country = _ABROAD[user.number % len(_ABROAD)] if away else user.values["country"]
        card = user.card if day < stolen_day else _next_card(user)
        vending = False
        for ts_ms in spaced(
            rng, day, sum(rng.randrange(100) < user.purchases_percent for _ in range(3)), HOUR
        ):
            # card_testing wants three amounts below 2.00 in an hour.
            vending = not vending and rng.randrange(12) == 0
            kind = "vending" if vending else rng.choice(_KINDS)
            yield Episode("card", user.user_id, list(_payment(world, user, card, country, kind, ts_ms, rng)))


def stolen_cards(world: World, user: User) -> Iterator[Episode]:
    """Yield the report of a stolen card, and the block that follows within minutes."""
    rng = world.rng("stolen", user.user_id)
    day = _stolen_day(world, user)
    if day < world.days:
        ts_ms = moment_of(rng, day)
        blocked_ms = ts_ms + rng.randrange(MINUTE, 12 * MINUTE)
        yield Episode(
            "card",
            user.user_id,
            [make(user, "CardReportedStolen", ts_ms), make(user, "CardBlocked", blocked_ms)],
        )


def cash_visits(world: World, user: User) -> Iterator[Episode]:
    """Yield visits to the cash machine; a wrong PIN is always followed by the right one (pin_bypass)."""
    rng = world.rng("cash", user.user_id)
    stolen_day = _stolen_day(world, user)
    for day in range(world.days):
        if rng.randrange(100) >= 9 or day == stolen_day:
            continue
        ts_ms = START_MS + day * DAY + rng.randrange((_OPENS + 1) * HOUR, (_CLOSES - 1) * HOUR)
        card = user.card if day < stolen_day else _next_card(user)
        at: dict[str, Given] = {"card": card, "terminal": rng.choice(TERMINALS)}
        wrong = (0, 0, 0, 0, 0, 0, 0, 0, 1, 2)[rng.randrange(10)]
        events = [make(user, "PinFail", ts_ms - back * 11 * SECOND, **at) for back in range(wrong, 0, -1)]
        events.append(make(user, "PinOk", ts_ms, **at))
        amount = rng.randrange(2, 50) * 10
        events.append(make(user, "CashOut", ts_ms + rng.randrange(9_000, 40_000), **at, amount=amount))
        yield Episode("cash", user.user_id, events)


def shop_orders(world: World, user: User) -> Iterator[Episode]:
    """Yield web orders, each paid or cancelled within the hour (unpaid_order), few of them sent back."""
    rng = world.rng("orders", user.user_id)
    refunds_left = 2  # refund_abuse wants four
    for day in range(world.days - 1):
        if rng.randrange(100) >= 11:
            continue
        ts_ms = moment_of(rng, day)
        order: dict[str, Given] = {
            "order_id": f"o{world.serial()}",
            "amount": money(rng.randrange(900, 28_000)),
        }
        events = [make(user, "Order", ts_ms, **order)]
        if rng.randrange(100) < 5:
            cancelled_ms = ts_ms + rng.randrange(2 * MINUTE, 50 * MINUTE)
            events.append(make(user, "OrderCancelled", cancelled_ms, order_id=str(order["order_id"])))
        else:
            paid_ms = ts_ms + rng.choice((rng.randrange(20 * SECOND, 4 * MINUTE), rng.randrange(55 * MINUTE)))
            method = rng.choice(("card", "card", "invoice", "wallet"))
            # A second later at least: within one millisecond the file would decide which was first.
            events.append(make(user, "Payment", max(paid_ms, ts_ms + SECOND), **order, method=method))
            if refunds_left and rng.randrange(100) < 6:
                refunds_left -= 1
                events.append(make(user, "Refund", paid_ms + rng.randrange(DAY, 9 * DAY), **order))
        yield Episode("shop", user.user_id, events)


def terminal_days(world: World) -> Iterator[Episode]:
    """Yield a sign of life of each cash machine every quarter of an hour while it is on."""
    for terminal in TERMINALS:
        for day in range(world.days):
            on_ms, off_ms = START_MS + day * DAY + _OPENS * HOUR, START_MS + day * DAY + _CLOSES * HOUR
            for ts_ms in range(on_ms, off_ms, 15 * MINUTE):
                beat = make(None, "Heartbeat", ts_ms, terminal=terminal)
                yield Episode("terminal", terminal, [beat])
            # Before it goes dark a machine says so: silent_terminal waits for twenty minutes.
            off = make(None, "TerminalOff", off_ms - 5 * MINUTE, terminal=terminal)
            yield Episode("terminal off", terminal, [off])


def _payment(
    world: World, user: User, card: str, country: str, kind: str, ts_ms: int, rng: Random
) -> Iterator[SampleEvent]:
    number, low, high = MERCHANTS[kind]
    draw = rng.random()
    cents = low + int((high - low) * draw * draw)
    at: dict[str, Given] = {
        "card": card,
        "amount": money(cents),
        "merchant": f"{kind}-{rng.randrange(1, number + 1):02d}",
    }
    entry = "online" if kind == "web" else rng.choice(("chip", "contactless"))
    if rng.randrange(50) == 0:
        reason = rng.choice(("funds", "funds", "limit", "cvv", "expiry"))
        yield make(user, "CardDeclined", ts_ms, **at, reason=reason)
        return
    code = world.serial()
    yield make(user, "CardAuth", ts_ms, **at, country=country, entry=entry, auth_code=code)
    if kind in {"hotel", "fuel"}:
        # A tip or a minibar: overcharged_clearing wants more than a fifth on top.
        cleared = money(cents * rng.randrange(95, 116) // 100)
        yield make(
            user,
            "Clearing",
            ts_ms + rng.randrange(10 * HOUR, 5 * DAY),
            pan=card,
            amount=cleared,
            merchant=str(at["merchant"]),
            auth_code=code,
        )


def _journey(world: World, rng: Random) -> tuple[int, int]:
    """Draw the days of leaving and returning; beyond the end for those who stay at home."""
    leaves = rng.randrange(2, world.days - 2) if rng.randrange(8) == 0 else world.days
    return leaves, leaves + rng.randrange(4, 10)


def _stolen_day(world: World, user: User) -> int:
    """Draw the day the card is stolen; the number of days, hence never, for most."""
    rng = world.rng("stolen day", user.user_id)
    return rng.randrange(3, world.days - 1) if rng.randrange(20) == 0 and not user.subject else world.days


def _next_card(user: User) -> str:
    return user.card[:-1] + "2"
