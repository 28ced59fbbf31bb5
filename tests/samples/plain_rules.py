"""Every rule of `rules/` once more, as a person would check it by hand over the events of one key.

No automaton, no windows kept open: a story looks at a slice of the key's events whose first and last event
begin and end it, and names those that belong to it. Slow, and short enough to be believed. It tells whether
the planted cases, and nothing else in the samples, are what the rules describe.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from samples.world import DAY, HOUR, MINUTE, START_MS
from tests.samples.rows import Row

Rows = Sequence[Row]
Story = Callable[[Rows], Rows | None]
Search = Callable[[Rows], Iterator[Rows]]


@dataclass(frozen=True, slots=True)
class PlainRule:
    """The types a rule reads, with the field of each that holds the key, and how to find its alerts."""

    keys: Mapping[str, str]
    search: Search


def earliest(span_ms: int, story: Story, *, reuse_last: bool = False, newest_start: bool = False) -> Search:
    """Search for what ends first, and of that for what starts first; no event is used twice.

    `reuse_last` lets the last event of one alert begin the next; `newest_start` prefers the latest start.
    """

    def search(rows: Rows) -> Iterator[Rows]:
        free = 0
        for end in range(len(rows)):
            starts = [at for at in range(free, end + 1) if rows[end].ts - rows[at].ts <= span_ms]
            for start in reversed(starts) if newest_start else starts:
                if taken := story(rows[start : end + 1]):
                    yield taken
                    free = end if reuse_last else end + 1
                    break

    return search


def limited(search: Search, per_ms: int) -> Search:
    """Drop alerts that come less than `per_ms` after the last one kept."""

    def few(rows: Rows) -> Iterator[Rows]:
        last_ms: int | None = None
        for taken in search(rows):
            if last_ms is None or taken[-1].ts - last_ms >= per_ms:
                last_ms = taken[-1].ts
                yield taken

    return few


def of(rows: Rows, *types: str) -> Rows:
    """Return the rows of these types."""
    return [row for row in rows if row.type in types]


def total(rows: Rows) -> Decimal:
    """Return the sum of the amounts."""
    return sum((row.amount for row in rows), Decimal(0))


def chain(rows: Rows, *types: str) -> Rows | None:
    """Take the next event of each type in turn; only if the first and the last row are taken by it."""
    taken: list[Row] = []
    for row in rows:
        if len(taken) < len(types) and row.type == types[len(taken)]:
            taken.append(row)
    whole = len(taken) == len(types) and taken[0] is rows[0] and taken[-1] is rows[-1]
    return taken if whole else None


def brute_force(rows: Rows) -> Rows | None:
    failed = of(rows, "LoginFailed")
    last = rows[-1]
    ends = rows[0].type == "LoginFailed" and last.type == "Login" and len(failed) >= 5
    return [*failed, last] if ends and failed[-1]["ip"] != last["ip"] else None


def password_spraying(rows: Rows) -> Rows | None:
    outside = not rows[0]["ip"].startswith("10.")
    return rows if outside and len({row["user_id"] for row in rows}) >= 8 else None


def takeover_after_reset(rows: Rows) -> Rows | None:
    taken = chain([row for row in rows if row.type != "Transfer" or row.amount >= 250], *RESET_STEPS)
    if not taken or taken[-1] is not rows[-1] or taken[1].ts - taken[0].ts > 10 * MINUTE:
        return None
    session = rows[rows.index(taken[1]) :]
    return None if of(session, "MfaOk") else taken


RESET_STEPS: Final = ("PasswordReset", "Login", "Transfer")


def burst_then_payee(rows: Rows) -> Rows | None:
    failed, last = of(rows, "LoginFailed"), rows[-1]
    if rows[0].type != "LoginFailed" or last.type != "PayeeAdded" or len(failed) < 5:
        return None
    close = failed[-1].ts - failed[0].ts <= 5 * MINUTE and last.ts - failed[-1].ts <= 30 * MINUTE
    return [*failed, last] if close else None


def dormant_account(rows: Rows) -> Iterator[Rows]:
    logins = of(rows, "Login")
    for before, login in zip([None, *logins], logins, strict=False):
        # Nobody can say for how long a user slept before the samples began.
        asleep = login.ts - (before.ts if before else START_MS) > 30 * DAY
        if not asleep:
            continue
        for row in of(rows, "Transfer"):
            if (login.ts, login.line) < (row.ts, row.line) and row.ts - login.ts <= HOUR and row.amount > 500:
                yield [login, row]
                break


def email_change_transfer(rows: Rows) -> Rows | None:
    last = rows[-1]
    if rows[0].type != "Login" or last.type != "Transfer":
        return None
    change = of(rows, "EmailChange")[:1]
    return [rows[0], *change, last] if last.amount > (500 if change else 5_000) else None


def new_device_cash_out(rows: Rows) -> Rows | None:
    first, last, payee = rows[0], rows[-1], of(rows, "PayeeAdded")[:1]
    if first.type != "NewDevice":
        return None
    if last.type == "CardOrder":
        return [first, last]
    paid = last.type == "Transfer" and payee and last["payee"] == payee[0]["payee"] and last.amount >= 300
    return [first, *payee, last] if paid else None


def profile_rebuilt(rows: Rows) -> Rows | None:
    kinds: dict[str, Row] = {}
    for row in rows:
        kinds.setdefault(row.type, row)
    return list(kinds.values()) if len(kinds) == 3 and kinds[rows[-1].type] is rows[-1] else None


def sim_swap(rows: Rows) -> Rows | None:
    limit = chain_end(rows, "SimSwap", "Login", "LimitRaise")
    last = rows[-1]
    if limit is None or last.type != "Transfer" or last.amount < 1_000 or of(rows, "SimSwapReverted"):
        return None
    if last.line == limit.line or (last.ts, last.line) < (limit.ts, limit.line):
        return None
    logins: list[Row] = []
    for row in rows[: rows.index(limit)]:
        if row.type == "Logout" and logins:
            break
        logins += of([row], "Login")
    return [rows[0], *logins, limit, last]


def chain_end(rows: Rows, *types: str) -> Row | None:
    """Return the event that completes the chain of types, if the first row begins it."""
    for end in range(len(rows)):
        if taken := chain(rows[: end + 1], *types):
            return taken[-1]
    return None


def card_interception(rows: Rows) -> Rows | None:
    last = rows[-1]
    both = [of(rows, "NewDevice")[:1], of(rows, "AddressChange")[:1]]
    if last.type != "CardOrder" or last["delivery"] != "home" or not all(both):
        return None
    pair = sorted((*both[0], *both[1]), key=lambda row: (row.ts, row.line))
    seen = of(rows[: rows.index(pair[1])], "BranchVisit")
    near = pair[1].ts - pair[0].ts <= DAY and pair[0] is rows[0]
    return [*pair, last] if near and not seen else None


def card_testing(rows: Rows) -> Rows | None:
    small, last = [row for row in rows if row.amount < 2], rows[-1]
    if rows[0].amount >= 2 or len(small) < 3 or last.amount < 50:
        return None
    return [*small, last] if last.amount > 50 * total(small) / len(small) else None


def impossible_travel(rows: Rows) -> Rows | None:
    first, last = rows[0], rows[-1]
    by_chip = first["entry"] == last["entry"] == "chip"
    return [first, last] if by_chip and first["country"] != last["country"] else None


def rising_amounts(rows: Rows) -> Rows | None:
    online = len(rows) == 5 and all(row["entry"] == "online" for row in rows)
    return rows if online and all(a.amount < b.amount for a, b in pairwise(rows)) else None


def pin_bypass(rows: Rows) -> Rows | None:
    strict = [row.type for row in rows] == ["PinFail", "PinFail", "CashOut"]
    return rows if strict and all(b.ts - a.ts <= 3 * MINUTE for a, b in pairwise(rows)) else None


def stolen_card(rows: Rows) -> Iterator[Rows]:
    for report in of(rows, "CardReportedStolen"):
        after = [row for row in rows if (row.ts, row.line) > (report.ts, report.line)]
        soon = [row for row in after if row.ts - report.ts <= 30 * MINUTE]
        if not soon:
            yield [report]
        elif soon[0].type == "CardAuth":
            yield [report, soon[0]]


def overcharged_clearing(rows: Rows) -> Rows | None:
    first, last = rows[0], rows[-1]
    if {first.type, last.type} != {"CardAuth", "Clearing"} or first["auth_code"] != last["auth_code"]:
        return None
    authorised, cleared = (first, last) if first.type == "CardAuth" else (last, first)
    return [first, last] if cleared.amount > authorised.amount * 6 / 5 else None


def merchant_declines(rows: Rows) -> Iterator[Rows]:
    session: list[Row] = []
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        session.append(row)
        if after is None or after.ts - row.ts > 5 * MINUTE:
            if len(session) >= 10 and len({each["card"] for each in session}) >= 8:
                yield session
            session = []


def bin_attack(rows: Rows) -> Rows | None:
    wrong = all(row["reason"] in {"cvv", "expiry"} for row in rows)
    return rows if wrong and len({row["card"] for row in rows}) >= 10 else None


def silent_terminal(rows: Rows) -> Iterator[Rows]:
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        if row.type == "Heartbeat" and (after is None or after.ts - row.ts > 20 * MINUTE):
            yield [row]


def mule_account(rows: Rows) -> Rows | None:
    taken: list[Row] = []
    for row in rows:
        if len(taken) % 2 == 0 and row.type == "Deposit" and row.amount >= 500:
            taken.append(row)
        elif len(taken) % 2 == 1 and row.type == "Withdrawal":
            paid_in = taken[-1]
            if paid_in.amount * 9 / 10 <= row.amount <= paid_in.amount and row.ts - paid_in.ts <= DAY:
                taken.append(row)
    done = len(taken) >= 6 and taken[0] is rows[0] and rows[-1].type == "AccountClosed"
    return [*taken[: len(taken) // 2 * 2], rows[-1]] if done else None


def structuring(rows: Rows) -> Rows | None:
    below = [row for row in rows if row["source"] == "cash" and 8_000 <= row.amount < 10_000]
    return below if len(below) == 3 and below[0] is rows[0] and below[-1] is rows[-1] else None


def pass_through_account(rows: Rows) -> Iterator[Rows]:
    for taken in earliest(2 * DAY, _passed_through)(rows):
        yield taken
        return


def _passed_through(rows: Rows) -> Rows | None:
    paid, last = of(rows, "Deposit"), rows[-1]
    if rows[0].type != "KycPassed" or last.type != "Withdrawal" or not paid or last.amount < 500:
        return None
    return [rows[0], *paid, last] if last.amount * 100 >= 95 * total(paid) else None


def night_drain(rows: Rows) -> Rows | None:
    night = [row for row in rows if row.amount >= 200 and 1 <= row.at(STOCKHOLM).hour <= 4]
    whole = len(night) >= 3 and night[0] is rows[0] and night[-1] is rows[-1]
    return night if whole and len({row["payee"] for row in night}) >= 3 and total(night) >= 2_000 else None


STOCKHOLM: Final = ZoneInfo("Europe/Stockholm")


def unpaid_order(rows: Rows) -> Iterator[Rows]:
    order = rows[0]
    if order.type == "Order" and not any(row.ts - order.ts <= HOUR for row in rows[1:]):
        yield [order]


def refund_abuse(rows: Rows) -> Rows | None:
    return rows if len({row["order_id"] for row in rows}) >= 4 and total(rows) >= 400 else None


def _keyed(name: str, *types: str) -> dict[str, str]:
    return dict.fromkeys(types, name)


_PROFILE: Final = ("NewDevice", "EmailChange", "PayeeAdded", "LimitRaise")
_SIM: Final = ("SimSwap", "Login", "Logout", "LimitRaise", "Transfer", "SimSwapReverted")
_BRANCH: Final = ("NewDevice", "AddressChange", "BranchVisit", "CardOrder")

RULES: Final[Mapping[str, PlainRule]] = {
    "brute_force": PlainRule(_keyed("user_id", "LoginFailed", "Login"), earliest(10 * MINUTE, brute_force)),
    "password_spraying": PlainRule(
        _keyed("ip", "LoginFailed"), limited(earliest(10 * MINUTE, password_spraying), HOUR)
    ),
    "takeover_after_reset": PlainRule(
        _keyed("user_id", *RESET_STEPS, "MfaOk"), earliest(HOUR, takeover_after_reset)
    ),
    "burst_then_payee": PlainRule(
        _keyed("user_id", "LoginFailed", "PayeeAdded"), earliest(HOUR, burst_then_payee)
    ),
    "dormant_account": PlainRule(_keyed("user_id", "Login", "Transfer"), dormant_account),
    "email_change_transfer": PlainRule(
        _keyed("user_id", "Login", "EmailChange", "Transfer"), earliest(HOUR, email_change_transfer)
    ),
    "new_device_cash_out": PlainRule(
        _keyed("user_id", "NewDevice", "PayeeAdded", "Transfer", "CardOrder"),
        earliest(HOUR, new_device_cash_out),
    ),
    "profile_rebuilt": PlainRule(_keyed("user_id", *_PROFILE), earliest(2 * HOUR, profile_rebuilt)),
    "sim_swap": PlainRule(_keyed("user_id", *_SIM), earliest(DAY, sim_swap)),
    "card_interception": PlainRule(_keyed("user_id", *_BRANCH), earliest(4 * DAY, card_interception)),
    "card_testing": PlainRule(_keyed("card", "CardAuth"), earliest(HOUR, card_testing)),
    "impossible_travel": PlainRule(
        _keyed("card", "CardAuth"), earliest(HOUR, impossible_travel, reuse_last=True, newest_start=True)
    ),
    "rising_amounts": PlainRule(_keyed("card", "CardAuth"), earliest(10 * MINUTE, rising_amounts)),
    "pin_bypass": PlainRule(_keyed("card", "PinFail", "PinOk", "CashOut"), earliest(5 * MINUTE, pin_bypass)),
    "stolen_card": PlainRule(_keyed("card", "CardReportedStolen", "CardAuth", "CardBlocked"), stolen_card),
    "overcharged_clearing": PlainRule(
        {"CardAuth": "card", "Clearing": "pan"}, earliest(7 * DAY, overcharged_clearing)
    ),
    "merchant_declines": PlainRule(_keyed("merchant", "CardDeclined"), merchant_declines),
    "bin_attack": PlainRule(_keyed("bin", "CardDeclined"), limited(earliest(HOUR, bin_attack), HOUR)),
    "silent_terminal": PlainRule(_keyed("terminal", "Heartbeat", "TerminalOff"), silent_terminal),
    "mule_account": PlainRule(
        _keyed("account", "Deposit", "Withdrawal", "AccountClosed"), earliest(7 * DAY, mule_account)
    ),
    "structuring": PlainRule(_keyed("account", "Deposit"), limited(earliest(3 * DAY, structuring), 7 * DAY)),
    "pass_through_account": PlainRule(
        _keyed("account", "KycPassed", "Deposit", "Withdrawal"), pass_through_account
    ),
    "night_drain": PlainRule(_keyed("account", "Transfer"), earliest(HOUR, night_drain)),
    "unpaid_order": PlainRule(_keyed("order_id", "Order", "Payment", "OrderCancelled"), unpaid_order),
    "refund_abuse": PlainRule(
        _keyed("customer", "Refund"), limited(earliest(14 * DAY, refund_abuse), 14 * DAY)
    ),
}
