"""The ordinary life of the bank: logins, payments, orders, salaries, and small mishaps that are no fraud.

An episode is told whole or not at all, since half of one can look like fraud: an order without its payment,
a password reset without its second factor. The habits keep clear of every rule by their own limits; where
such a limit matters, a comment names the rule.
"""

from collections.abc import Iterator
from random import Random

from samples.shops import cash_visits, purchases, shop_orders, stolen_cards, terminal_days
from samples.stage import Quiet
from samples.times import Episode, moment_of, spaced
from samples.world import DAY, HOUR, MINUTE, SECOND, START_MS, SampleEvent, User, World, late, make, money

_PROFILE_CHANGES = (
    "NewDevice",
    "EmailChange",
    "AddressChange",
    "LimitRaise",
    "CardOrder",
    "SimSwap",
    "BranchVisit",
    "PasswordReset",
    "PasswordReset",
    "PayeeAdded",
    "PayeeAdded",
    "PayeeAdded",
)


def background(world: World, quiet: list[Quiet]) -> Iterator[SampleEvent]:
    """Yield the events of all episodes that no planted case wants quiet, one in fifty a few seconds late."""
    silence = _Silence(quiet)
    rng = world.rng("delays")
    for episode in _episodes(world):
        if not any(silence.covers(episode, event) for event in episode.events):
            for event in episode.events:
                if event.ts_ms < world.end_ms:
                    yield late(event, rng.randrange(1, 8_000)) if rng.randrange(50) == 0 else event


class _Silence:
    """The quiet times, found by owner and topic."""

    def __init__(self, quiet: list[Quiet]) -> None:
        self._spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for each in quiet:
            self._spans.setdefault((each.owner, each.topic), []).append((each.from_ms, each.to_ms))

    def covers(self, episode: Episode, event: SampleEvent) -> bool:
        """Tell whether the event falls into a quiet time of its episode's owner and topic."""
        spans = self._spans.get((episode.owner, episode.topic), ())
        return any(from_ms <= event.ts_ms <= to_ms for from_ms, to_ms in spans)


def _episodes(world: World) -> Iterator[Episode]:
    for user in world.users:
        yield from _sessions(world, user)
        yield from purchases(world, user)
        yield from stolen_cards(world, user)
        yield from cash_visits(world, user)
        yield from shop_orders(world, user)
        yield from _account_life(world, user)
    yield from terminal_days(world)


def _sessions(world: World, user: User) -> Iterator[Episode]:
    rng = world.rng("sessions", user.user_id)
    last_day = -rng.randrange(4)
    change_ms = START_MS + rng.randrange(30 * DAY)
    for day in range(world.days):
        # Four days without a login are the most: dormant_account looks for thirty.
        if rng.randrange(100) >= user.sessions_percent and day - last_day < 4:
            continue
        last_day = day
        # 90 minutes apart, so that no rule with a window of an hour sees two sessions.
        for ts_ms in spaced(rng, day, 1 + rng.randrange(4) // 3, 90 * MINUTE):
            change = None
            if ts_ms >= change_ms:
                # profile_rebuilt and card_interception join changes: a week apart they never meet.
                change_ms = ts_ms + rng.randrange(7 * DAY, 40 * DAY)
                change = rng.choice(_PROFILE_CHANGES)
            events = list(_session(user, ts_ms, change, rng))
            yield Episode("profile" if change else "session", user.user_id, events)


def _session(user: User, ts_ms: int, change: str | None, rng: Random) -> Iterator[SampleEvent]:
    ip = _address(user, rng)
    if change == "PasswordReset":
        yield make(user, "PasswordReset", ts_ms - rng.randrange(MINUTE, 4 * MINUTE), ip=ip)
    if change == "SimSwap":
        yield make(user, "SimSwap", ts_ms - rng.randrange(HOUR, 5 * HOUR))
    # Two failures at most, from the address of the login: brute_force wants five.
    for back in range((0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2)[rng.randrange(12)], 0, -1):
        yield make(user, "LoginFailed", ts_ms - back * rng.randrange(8 * SECOND, 12 * SECOND), ip=ip)
    yield make(user, "Login", ts_ms, ip=ip)
    at_ms = ts_ms
    # takeover_after_reset: after a reset there is always a second factor before money moves.
    if change in {"PasswordReset", "PayeeAdded", "NewDevice", "LimitRaise"} or rng.randrange(3) == 0:
        # Often in the same millisecond, but not where a rule asks which of the two came first.
        at_ms += rng.choice((0 if change != "PasswordReset" else 900, rng.randrange(4 * SECOND, 40 * SECOND)))
        yield make(user, "MfaOk", at_ms, method=rng.choice(("app", "app", "sms", "token")))
    at_ms += rng.randrange(5 * SECOND, 2 * MINUTE)
    if change not in {None, "PasswordReset", "SimSwap"}:
        yield from _change(user, change or "", at_ms, ts_ms, rng)
    # No money in a session with a change: the rules about changes want a transfer soon after one.
    elif rng.randrange(10) < 4:
        for _ in range(1 + rng.randrange(5) // 4):
            at_ms += rng.randrange(20 * SECOND, 3 * MINUTE)
            yield _transfer(user, at_ms, rng.choice(user.payees), rng)
    if rng.randrange(10) < 6:
        yield make(user, "Logout", at_ms + rng.randrange(10 * SECOND, 8 * MINUTE))


def _change(user: User, change: str, at_ms: int, login_ms: int, rng: Random) -> Iterator[SampleEvent]:
    match change:
        case "NewDevice":
            # In the same millisecond as the login that showed it.
            yield make(user, "NewDevice", login_ms, device_id=f"d{user.number}-{rng.randrange(2, 9)}")
        case "EmailChange":
            yield make(user, "EmailChange", at_ms, domain=rng.choice(("mail.example", "post.example")))
        case "LimitRaise":
            yield make(user, "LimitRaise", at_ms, new_limit=rng.choice((2_000, 5_000, 10_000)))
        case "PayeeAdded":
            payee = f"x{rng.randrange(400, 700)}"
            yield make(user, "PayeeAdded", at_ms, payee=payee)
            yield _transfer(user, at_ms + rng.randrange(30 * SECOND, 5 * MINUTE), payee, rng)
        case _:
            yield make(user, change, at_ms)


def _transfer(user: User, ts_ms: int, payee: str, rng: Random) -> SampleEvent:
    # 3,000 is the most: email_change_transfer asks for more than 5,000.
    amount = money(_skewed(rng, 800, 300_000))
    memo = rng.choice(("rent", "invoice", "lunch", "gift", "holiday", "savings", "", ""))
    event = make(user, "Transfer", ts_ms, payee=payee, amount=amount)
    return SampleEvent(event.type, event.ts_ms, {**event.fields, "memo": memo or None})


def _address(user: User, rng: Random) -> str:
    draw = rng.randrange(20)
    if draw < 16:
        return user.home_ip
    # Shared by some ten users each: password_spraying wants eight that fail in ten minutes.
    return f"100.64.0.{user.number % 50}" if draw < 19 else f"10.20.0.{user.number % 40}"


def _skewed(rng: Random, low: int, high: int) -> int:
    draw = rng.random()
    return low + int((high - low) * draw * draw * draw)


def _account_life(world: World, user: User) -> Iterator[Episode]:
    rng = world.rng("account", user.user_id)
    salary = money(rng.randrange(180_000, 450_000))
    for day in range(20, world.days, 30):  # 25 January is day 20; all salaries come in one batch
        event = make(user, "Deposit", START_MS + day * DAY + 330 * MINUTE, amount=salary, source="salary")
        yield Episode("account", user.user_id, [event])
    for day in range(world.days):
        if rng.randrange(100) < 2:
            # Cash up to 3,000: structuring looks from 8,000 on.
            amount = money(rng.randrange(50, 3_000) * 100)
            paid_in = make(user, "Deposit", moment_of(rng, day), amount=amount, source="cash")
            yield Episode("account", user.user_id, [paid_in])
        if rng.randrange(100) < 3:
            amount = money(rng.randrange(5, 40) * 1_000)
            taken = make(user, "Withdrawal", moment_of(rng, day), amount=amount)
            yield Episode("account", user.user_id, [taken])
    if rng.randrange(12) == 0 and not user.subject:
        yield Episode("second account", user.user_id, list(_second_account(world, user, rng)))


def _second_account(world: World, user: User, rng: Random) -> Iterator[SampleEvent]:
    """Yield the short life of a savings account; one in three is closed again, emptied in one go."""
    account = f"{user.values['account']}-s"
    opened_ms = moment_of(rng, rng.randrange(1, world.days - 8))
    paid_in = rng.randrange(300, 2_000)
    yield make(user, "AccountOpened", opened_ms, account=account)
    yield make(user, "KycPassed", opened_ms + rng.randrange(2 * MINUTE, HOUR), account=account)
    yield make(user, "Deposit", opened_ms + rng.randrange(2, 20) * HOUR, account=account, amount=paid_in)
    # pass_through_account wants nearly all of it taken out within two days.
    small = paid_in * rng.randrange(5, 40) // 100
    yield make(user, "Withdrawal", opened_ms + rng.randrange(24, 47) * HOUR, account=account, amount=small)
    if rng.randrange(3) == 0:
        rest_ms = opened_ms + 5 * DAY
        yield make(user, "Withdrawal", rest_ms, account=account, amount=paid_in - small)
        yield make(user, "AccountClosed", rest_ms + 5 * MINUTE, account=account)
