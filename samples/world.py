"""The small bank of the samples: its people, its shops, and what an event of each type carries.

Everything is drawn from named random streams (`World.rng`), so the same seed gives the same bank.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Final

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

START_MS: Final = 1_767_571_200_000
"""2026-01-05T00:00:00Z, a Monday: the first instant of the samples."""

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "AccountClosed": ("account", "user_id"),
    "AccountOpened": ("account", "user_id"),
    "AddressChange": ("user_id", "city"),
    "BranchVisit": ("user_id", "branch"),
    "CardAuth": ("card", "amount", "country", "merchant", "entry", "auth_code"),
    "CardBlocked": ("card",),
    "CardDeclined": ("card", "bin", "amount", "merchant", "reason"),
    "CardOrder": ("user_id", "delivery"),
    "CardReportedStolen": ("card", "user_id"),
    "CashOut": ("card", "terminal", "amount"),
    "Clearing": ("pan", "amount", "merchant", "auth_code"),
    "Deposit": ("account", "amount", "source"),
    "EmailChange": ("user_id", "domain"),
    "Heartbeat": ("terminal",),
    "KycPassed": ("account", "user_id"),
    "LimitRaise": ("user_id", "new_limit"),
    "Login": ("user_id", "ip", "device_id", "country"),
    "LoginFailed": ("user_id", "ip", "reason"),
    "Logout": ("user_id",),
    "MfaOk": ("user_id", "method"),
    "NewDevice": ("user_id", "device_id"),
    "Order": ("order_id", "customer", "amount"),
    "OrderCancelled": ("order_id", "customer"),
    "PasswordReset": ("user_id", "ip", "channel"),
    "PayeeAdded": ("user_id", "payee"),
    "Payment": ("order_id", "customer", "amount", "method"),
    "PinFail": ("card", "terminal"),
    "PinOk": ("card", "terminal"),
    "Refund": ("order_id", "customer", "amount"),
    "SimSwap": ("user_id", "carrier"),
    "SimSwapReverted": ("user_id", "carrier"),
    "TerminalOff": ("terminal",),
    "Transfer": ("user_id", "account", "payee", "amount", "memo"),
    "Withdrawal": ("account", "amount", "channel"),
}
"""What an event of each type carries, in the order of writing; `cep.yaml` declares the same fields."""

_USUAL: Final[Mapping[str, Mapping[str, str | None]]] = {
    "BranchVisit": {"branch": "main-street"},
    "CardAuth": {"entry": "chip", "merchant": "grocer-01"},
    "CardDeclined": {"reason": "funds"},
    "CardOrder": {"delivery": "home"},
    "CashOut": {"terminal": "atm-01"},
    "Clearing": {"merchant": "hotel-01"},
    "Deposit": {"source": "transfer"},
    "EmailChange": {"domain": "mail.example"},
    "LoginFailed": {"reason": "password"},
    "MfaOk": {"method": "app"},
    "PasswordReset": {"channel": "web"},
    "Payment": {"method": "card"},
    "PinFail": {"terminal": "atm-01"},
    "PinOk": {"terminal": "atm-01"},
    "SimSwap": {"carrier": "telco-a"},
    "SimSwapReverted": {"carrier": "telco-a"},
    "Transfer": {"memo": None},
    "Withdrawal": {"channel": "counter"},
}

MERCHANTS: Final[Mapping[str, tuple[int, int, int]]] = {
    "grocer": (12, 300, 12_000),
    "cafe": (8, 300, 1_500),
    "fuel": (5, 2_000, 9_000),
    "pharmacy": (4, 400, 6_000),
    "hotel": (4, 6_000, 60_000),
    "web": (12, 900, 25_000),
    "vending": (3, 80, 190),
}
"""Kinds of merchant: how many there are, lowest and highest amount in cents."""

BINS: Final = ("990011", "990012", "990027", "990031")
TERMINALS: Final = ("atm-01", "atm-02", "atm-03", "atm-04", "atm-05")
_COUNTRIES: Final = ("SE", "SE", "SE", "SE", "SE", "SE", "NO", "DK", "FI", "DE")
_CITIES: Final = ("Lund", "Umea", "Bergen", "Aarhus", "Turku", "Kiel")

Value = str | Decimal | None
Given = str | int | Decimal


@dataclass(frozen=True, slots=True, eq=False)
class SampleEvent:
    """One event; `delay_ms` is how much later than its `ts_ms` it gets its place in the file."""

    type: str
    ts_ms: int
    fields: Mapping[str, Value]
    delay_ms: int = 0

    def line(self) -> str:
        """Return the event as one line of JSON; an amount keeps its two decimals."""
        pairs = [f'"type":{json.dumps(self.type)}', f'"ts":{self.ts_ms}']
        for name, value in self.fields.items():
            text = str(value) if isinstance(value, Decimal) else json.dumps(value)
            pairs.append(f"{json.dumps(name)}:{text}")
        return "{" + ",".join(pairs) + "}"


@dataclass(frozen=True, slots=True)
class User:
    """A customer with one account, one card, and the values that habit gives their events."""

    user_id: str
    number: int
    values: Mapping[str, str]
    payees: tuple[str, ...]
    sessions_percent: int
    """Chance of a day with a login."""
    purchases_percent: int
    """Chance of each of three possible card payments a day."""
    subject: bool
    """Plays a part in a planted case; such a user meets no accident of the background."""

    @property
    def card(self) -> str:
        """The card the user starts with."""
        return self.values["card"]

    @property
    def home_ip(self) -> str:
        """The address of most of the user's logins."""
        return self.values["ip"]


def money(cents: int) -> Decimal:
    """Turn cents into an amount with two decimals.

    >>> str(money(120))
    '1.20'
    """
    return Decimal(cents).scaleb(-2)


def make(user: User | None, event_type: str, ts_ms: int, **given: Given) -> SampleEvent:
    """Build an event of `user`; what is not given comes from habit. An amount may be a whole number."""
    usual: dict[str, Value] = {**(user.values if user else {}), **_USUAL.get(event_type, {})}
    for name, value in given.items():
        usual[name] = _amount(value) if name in {"amount", "new_limit"} else str(value)
    fields = {name: usual[name] for name in FIELDS[event_type]}
    unknown = given.keys() - fields.keys()
    assert not unknown, f"{event_type} has no {sorted(unknown)}"
    return SampleEvent(event_type, ts_ms, fields)


def late(event: SampleEvent, delay_ms: int) -> SampleEvent:
    """Give the event a place in the file as if it came `delay_ms` after its time; 0: just in time."""
    return replace(event, delay_ms=delay_ms)


def _amount(value: Given) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(value).quantize(Decimal("0.01"))


@dataclass(slots=True)
class World:
    """The bank while it is being made: `accounts` users, and those whom the cases bring in."""

    seed: int
    days: int
    accounts: int
    users: list[User] = field(default_factory=list)
    _numbers: list[int] = field(default_factory=list)
    _names: dict[str, int] = field(default_factory=dict)
    _serial: int = 0

    def __post_init__(self) -> None:
        """Shuffle the numbers of users-to-be and let the ordinary ones move in."""
        self._numbers = list(range(1_000, 10_000))
        self.rng("numbers").shuffle(self._numbers)
        for _ in range(self.accounts):
            self.new_user(subject=False)

    @property
    def end_ms(self) -> int:
        """The first instant after the samples."""
        return START_MS + self.days * DAY

    def rng(self, *purpose: str) -> Random:
        """Return the random stream of one purpose."""
        return Random("/".join([str(self.seed), *purpose]))

    def new_user(self, *, subject: bool) -> User:
        """Add a user with habits of their own."""
        number = self._numbers.pop()
        rng = self.rng("user", str(number))
        payees = tuple(f"x{rng.randrange(100, 400)}" for _ in range(rng.randrange(2, 6)))
        issuer = rng.choice(BINS)
        card = f"{issuer}-{number}-1"
        user_id = f"u{number}"
        values = {
            "user_id": user_id,
            "customer": user_id,
            "account": f"a{number}",
            "card": card,
            "pan": card,
            "bin": issuer,
            "ip": f"198.18.{number // 250}.{number % 250 + 1}",
            "device_id": f"d{number}-1",
            "country": rng.choice(_COUNTRIES),
            "city": rng.choice(_CITIES),
            "payee": payees[0],
        }
        user = User(user_id, number, values, payees, rng.randrange(35, 95), rng.randrange(15, 60), subject)
        self.users.append(user)
        return user

    def name(self, prefix: str) -> str:
        """Return the prefix with a number: 1 the first time, then 2."""
        self._names[prefix] = self._names.get(prefix, 0) + 1
        return f"{prefix}{self._names[prefix]}"

    def serial(self) -> str:
        """Return six digits that no one got before, for orders and authorisations."""
        self._serial += 1
        return f"{self._serial * 7_919 % 1_000_000:06d}"
