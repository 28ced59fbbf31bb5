"""Planted cases about getting in: guessed passwords, resets, accounts that wake up."""

from collections.abc import Iterator

from samples.stage import Case, Cast
from samples.world import DAY, HOUR, MINUTE, SECOND, START_MS, Given, late, make

_SESSIONS = {"session": 2 * HOUR, "profile": 2 * HOUR}


def brute_force(cast: Cast) -> Iterator[Case]:
    """Five failures, then a login from elsewhere, all within ten minutes."""
    even = [index * 20 * SECOND for index in range(12)]
    stories = (
        # note, alert, failures, login, same address, failures too early to count
        ("five failures, then a login from another address", True, even[:5], 3 * MINUTE, False, 0),
        ("twelve failures", True, even, 5 * MINUTE, False, 0),
        (
            "the login comes exactly ten minutes after the first failure",
            True,
            even[:5],
            10 * MINUTE,
            False,
            0,
        ),
        (
            "the first of six failures is too old, the other five are enough",
            True,
            [0, *(6 * MINUTE + at for at in even[:5])],
            11 * MINUTE,
            False,
            1,
        ),
        ("four failures", False, even[:4], 3 * MINUTE, False, 0),
        ("the login comes from the address of the failures", False, even[:6], 3 * MINUTE, True, 0),
        ("a millisecond more than ten minutes", False, even[:5], 10 * MINUTE + 1, False, 0),
    )
    for note, alert, failures, login_ms, same, early in stories:
        scene = cast.scene(login_ms, _SESSIONS)
        ip = cast.world.name("203.0.113.")
        failed = [scene.event("LoginFailed", at, ip=ip) for at in failures]
        login = scene.event("Login", login_ms, ip=ip if same else cast.world.name("192.0.2."))
        taken, context = [*failed[early:], login], failed[:early]
        yield Case("brute_force", scene.key("user_id"), alert, note, taken, context, "BruteForce")
    yield from _brute_force_order(cast, even)


def _brute_force_order(cast: Cast, even: list[int]) -> Iterator[Case]:
    """Ties and disorder: equal times go by their place in the file, unequal ones never do."""
    stories = (
        # note, alert, login, delays in the file of the last failure and of the login
        ("fifth failure and login in one millisecond, in this order", True, even[4], 0, 1),
        ("login and fifth failure in one millisecond, the login first", False, even[4], 1, 0),
        (
            "the login stands before the fifth failure in the file, but was later",
            True,
            even[4] + 2_000,
            9_000,
            0,
        ),
    )
    for note, alert, login_ms, failure_delay_ms, login_delay_ms in stories:
        scene = cast.scene(login_ms, _SESSIONS)
        ip = cast.world.name("203.0.113.")
        failed = [scene.event("LoginFailed", at, ip=ip) for at in even[:4]]
        failed.append(late(scene.event("LoginFailed", even[4], ip=ip), failure_delay_ms))
        other = cast.world.name("192.0.2.")
        login = late(scene.event("Login", login_ms, ip=other), login_delay_ms)
        yield Case("brute_force", scene.key("user_id"), alert, note, [*failed, login], emit="BruteForce")


def password_spraying(cast: Cast) -> Iterator[Case]:
    """Eight users fail from one outside address within ten minutes."""
    minutes = 6 * MINUTE
    yield _spray(cast, "eight users in six minutes", [*range(8)], minutes, 8)
    yield _spray(
        cast,
        "twenty users; the second eight fall under the limit of one an hour",
        [*range(20)],
        9 * MINUTE,
        8,
    )
    yield _spray(
        cast,
        "some fail twice: eleven failures of eight users",
        [0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7],
        minutes,
        11,
    )
    ip = cast.world.name("203.0.113.")
    start_ms = cast.moment(3 * HOUR)
    yield _spray(cast, "one address, morning", [*range(9)], minutes, 8, ip=ip, start_ms=start_ms)
    later_ms = start_ms + 2 * HOUR
    yield _spray(cast, "the same address two hours later", [*range(8)], minutes, 8, ip=ip, start_ms=later_ms)
    yield _spray(cast, "fifteen failures of seven users", [*range(7), *range(7), 0], minutes, 0)
    yield _spray(cast, "eight users in sixteen minutes", [*range(8)], 16 * MINUTE, 0)
    inside = cast.world.name("10.99.0.")
    yield _spray(cast, "twelve users behind an address of the bank", [*range(12)], minutes, 0, ip=inside)


def _spray(
    cast: Cast,
    note: str,
    failing: list[int],
    span_ms: int,
    taken: int,
    *,
    ip: str | None = None,
    start_ms: int | None = None,
) -> Case:
    """Let users, by their number in `failing`, fail one after the other; an alert takes the first `taken`."""
    ip = ip or cast.world.name("203.0.113.")
    start_ms = start_ms or cast.moment(span_ms)
    scenes = [cast.scene_at(start_ms, span_ms, _SESSIONS) for _ in range(max(failing) + 1)]
    offsets = cast.spread(len(failing), span_ms)
    failed = [scenes[who].event("LoginFailed", at, ip=ip) for who, at in zip(failing, offsets, strict=True)]
    bound, rest = (failed[:taken], failed[taken:]) if taken else (failed, [])
    return Case("password_spraying", {"ip": ip}, taken > 0, note, bound, rest, "PasswordSpraying")


def takeover_after_reset(cast: Cast) -> Iterator[Case]:
    """A reset, a login within ten minutes, and a transfer of 250 or more with no second factor between."""
    stories = (
        # note, alert, login, second factor, transfer, amount
        ("reset, login, transfer", True, MINUTE, None, 8 * MINUTE, 900),
        ("the transfer comes exactly an hour after the reset", True, 9 * MINUTE, None, HOUR, 1_500),
        ("the second factor came before the login, not after", True, 4 * MINUTE, 3 * MINUTE, 7 * MINUTE, 640),
        ("second factor between login and transfer", False, MINUTE, 2 * MINUTE, 8 * MINUTE, 900),
        ("the login comes eleven minutes after the reset", False, 11 * MINUTE, None, 20 * MINUTE, 900),
        ("a small transfer", False, MINUTE, None, 8 * MINUTE, "249.99"),
        ("the transfer comes a second after the hour", False, MINUTE, None, HOUR + SECOND, 900),
    )
    for note, alert, login_ms, factor_ms, transfer_ms, amount in stories:
        scene = cast.scene(transfer_ms, _SESSIONS)
        ip = cast.world.name("192.0.2.")
        taken = [
            scene.event("PasswordReset", 0, ip=ip),
            scene.event("Login", login_ms, ip=ip),
            scene.event("Transfer", transfer_ms, amount=amount, payee=cast.world.name("x9")),
        ]
        factor = [] if factor_ms is None else [scene.event("MfaOk", factor_ms)]
        yield Case(
            "takeover_after_reset", scene.key("user_id"), alert, note, taken, factor, "TakeoverAfterReset"
        )


def burst_then_payee(cast: Cast) -> Iterator[Case]:
    """Five failures within five minutes and a new payee within half an hour of them."""
    stories = (
        # note, alert, failures, their span, payee
        ("five failures, the user gets in, a payee is added", True, 5, 2 * MINUTE, 10 * MINUTE),
        ("seven failures", True, 7, 4 * MINUTE, 25 * MINUTE),
        ("five failures spread over eight minutes", False, 5, 8 * MINUTE, 15 * MINUTE),
        ("four failures", False, 4, 2 * MINUTE, 10 * MINUTE),
        ("the payee is added fifty minutes later", False, 5, 2 * MINUTE, 52 * MINUTE),
    )
    for note, alert, count, span_ms, payee_ms in stories:
        scene = cast.scene(payee_ms, _SESSIONS)
        offsets = [index * span_ms // (count - 1) for index in range(count)]
        failed = [scene.event("LoginFailed", at) for at in offsets]
        payee = scene.event("PayeeAdded", payee_ms, payee=cast.world.name("x9"))
        # The login comes from the address of the failures, so it is no brute_force.
        login = scene.event("Login", span_ms + MINUTE)
        taken = [*failed, payee]
        yield Case("burst_then_payee", scene.key("user_id"), alert, note, taken, [login], "BurstThenPayee")


def dormant_account(cast: Cast) -> Iterator[Case]:
    """No login for thirty days, then one, and more than 500 leaves within the hour."""
    stories = (
        # note, alert, days since the last login (None: never), further ms, transfer, amount
        ("asleep for 31 days", True, 31, 0, 10 * MINUTE, 800),
        ("never seen before", True, None, 0, 20 * MINUTE, 2_400),
        ("a millisecond more than thirty days", True, 30, 1, 10 * MINUTE, 1_200),
        ("thirty days to the millisecond", False, 30, 0, 10 * MINUTE, 1_200),
        ("29 days", False, 29, 0, 10 * MINUTE, 800),
        ("no more than 500 is sent", False, 31, 0, 10 * MINUTE, 500),
        ("the transfer comes 61 minutes after the login", False, 31, 0, 61 * MINUTE, 800),
    )
    for note, alert, days, more_ms, transfer_ms, amount in stories:
        span_ms = (days or 0) * DAY + more_ms
        start_ms = cast.moment(span_ms + 2 * HOUR, first_day=33 - (days or 0))
        yield _awake(cast, note, (start_ms, span_ms if days else 0), (transfer_ms, amount), alert=alert)
    cold_ms = cast.moment(2 * HOUR, first_day=18) % DAY + START_MS + 20 * DAY
    yield _awake(
        cast, "the stream itself is only twenty days old", (cold_ms, 0), (9 * MINUTE, 900), alert=False
    )


def _awake(cast: Cast, note: str, asleep: tuple[int, int], sent: tuple[int, Given], *, alert: bool) -> Case:
    """`asleep`: since when and how long, 0 without a first login. `sent`: how long after it, how much."""
    start_ms, span_ms = asleep
    scene = cast.scene_at(start_ms, span_ms + sent[0], _SESSIONS)
    cast.hush(scene.user.user_id, "session", START_MS, start_ms)
    cast.hush(scene.user.user_id, "profile", START_MS, start_ms)
    before = [make(scene.user, "Login", start_ms)] if span_ms else []
    login = scene.event("Login", span_ms)
    transfer = scene.event("Transfer", span_ms + sent[0], amount=sent[1])
    key = scene.key("user_id")
    return Case("dormant_account", key, alert, note, [login, transfer], before, "DormantAccount")
