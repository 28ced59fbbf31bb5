"""Planted cases about changes to a customer's profile: device, e-mail, address, limit, SIM."""

from collections.abc import Iterator

from samples.stage import Case, Cast, Scene
from samples.world import DAY, HOUR, MINUTE, Given, SampleEvent, late

_SESSIONS = {"session": 3 * HOUR, "profile": 3 * HOUR}


def email_change_transfer(cast: Cast) -> Iterator[Case]:
    """A transfer soon after a login: above 5,000, or above 500 when the e-mail address changed between."""
    stories = (
        # note, alert, e-mail change, transfer, amount
        ("e-mail changed, then 900", True, 3 * MINUTE, 9 * MINUTE, 900),
        ("no change, but 7,500", True, None, 9 * MINUTE, 7_500),
        ("just above 500, exactly an hour after the login", True, 30 * MINUTE, HOUR, "500.01"),
        ("no change and less than 5,000", False, None, 9 * MINUTE, "4999.00"),
        ("e-mail changed, exactly 500", False, 3 * MINUTE, 9 * MINUTE, 500),
        ("the change comes after the transfer", False, 12 * MINUTE, 9 * MINUTE, 900),
        ("e-mail changed, the transfer comes after the hour", False, 3 * MINUTE, 61 * MINUTE, 900),
    )
    for note, alert, change_ms, transfer_ms, amount in stories:
        scene = cast.scene(transfer_ms, _SESSIONS)
        taken = [scene.event("Login", 0), scene.event("Transfer", transfer_ms, amount=amount)]
        if change_ms is not None:
            taken.append(scene.event("EmailChange", change_ms, domain="inbox.example"))
        key = scene.key("user_id")
        yield Case("email_change_transfer", key, alert, note, taken, emit="EmailChangeTransfer")


def new_device_cash_out(cast: Cast) -> Iterator[Case]:
    """Within an hour of a new device: a new payee gets 300 or more, or a card is ordered."""
    stories = (
        # note, alert, payee added, transfer, amount, to the new payee, card ordered
        ("new device, new payee, 450 sent", True, 4 * MINUTE, 9 * MINUTE, 450, True, None),
        ("new device, card ordered", True, None, None, 0, False, 20 * MINUTE),
        ("all of it in the last minute of the hour", True, 59 * MINUTE, HOUR, 2_000, True, None),
        ("the money goes to a payee known for long", False, 4 * MINUTE, 9 * MINUTE, 450, False, None),
        ("a cent too little", False, 4 * MINUTE, 9 * MINUTE, "299.99", True, None),
        ("a minute after the hour", False, 4 * MINUTE, 61 * MINUTE, 450, True, None),
        ("the payee was added before the device was new", False, -MINUTE, 9 * MINUTE, 450, True, None),
    )
    for note, alert, payee_ms, transfer_ms, amount, to_new, order_ms in stories:
        scene = cast.scene(61 * MINUTE, _SESSIONS)
        device = f"d{scene.user.number}-9"
        login = late(scene.event("Login", 0, device_id=device), 0)
        taken = [late(scene.event("NewDevice", 0, device_id=device), 0)]
        payee = cast.world.name("x9")
        if payee_ms is not None:
            taken.append(scene.event("PayeeAdded", payee_ms, payee=payee))
        if transfer_ms is not None:
            receiver = payee if to_new else scene.user.payees[0]
            taken.append(scene.event("Transfer", transfer_ms, amount=amount, payee=receiver))
        if order_ms is not None:
            taken.append(scene.event("CardOrder", order_ms))
        key = scene.key("user_id")
        yield Case("new_device_cash_out", key, alert, note, taken, [login], "NewDeviceCashOut")


def profile_rebuilt(cast: Cast) -> Iterator[Case]:
    """Three kinds of change out of four within two hours."""
    device, mail, payee, limit = "NewDevice", "EmailChange", "PayeeAdded", "LimitRaise"
    stories = (
        # note, changes with their minute, how many of them the alert takes
        ("device, e-mail, limit", [(device, 0), (mail, 20), (limit, 45)], 3),
        ("e-mail, payee, limit", [(mail, 0), (payee, 5), (limit, 9)], 3),
        ("all four; the third completes it", [(limit, 0), (payee, 30), (device, 60), (mail, 90)], 3),
        ("the third comes exactly after two hours", [(payee, 0), (device, 60), (limit, 120)], 3),
        ("two kinds, one of them twice", [(device, 0), (mail, 10), (device, 20)], 0),
        ("three kinds in two hours and a minute", [(device, 0), (mail, 60), (payee, 121)], 0),
        ("one kind four times", [(payee, 0), (payee, 10), (payee, 20), (payee, 30)], 0),
    )
    for note, changes, bound in stories:
        scene = cast.scene(3 * HOUR, _SESSIONS)
        events = [_changed(cast, scene, kind, minute * MINUTE) for kind, minute in changes]
        taken, context = events[: bound or len(events)], events[bound or len(events) :]
        key = scene.key("user_id")
        yield Case("profile_rebuilt", key, bound > 0, note, taken, context, "ProfileRebuilt")


def _changed(cast: Cast, scene: Scene, kind: str, at_ms: int) -> SampleEvent:
    match kind:
        case "NewDevice":
            return scene.event(kind, at_ms, device_id=f"d{scene.user.number}-{scene.rng.randrange(4, 9)}")
        case "PayeeAdded":
            return scene.event(kind, at_ms, payee=cast.world.name("x9"))
        case "LimitRaise":
            return scene.event(kind, at_ms, new_limit=20_000)
        case _:
            return scene.event(kind, at_ms)


def sim_swap(cast: Cast) -> Iterator[Case]:
    """A swapped SIM, logins, a raised limit and a transfer of 1,000 or more, all within a day."""
    swap, login, out, back = "SimSwap", "Login", "Logout", "SimSwapReverted"
    limit, transfer = "LimitRaise", "Transfer"
    stories = (
        # note, alert, events with their minute, positions that the alert leaves out
        ("swap, login, limit, transfer", True, [(swap, 0), (login, 60), (limit, 64), (transfer, 70)], ()),
        ("two logins", True, [(swap, 0), (login, 9), (login, 400), (limit, 402), (transfer, 1_440)], ()),
        (
            "the first logout ends the run of logins; the second login is not part of it",
            True,
            [(swap, 0), (login, 5), (out, 9), (login, 30), (limit, 33), (transfer, 35)],
            (2, 3),
        ),
        (
            "the swap is reverted in time",
            False,
            [(swap, 0), (login, 60), (limit, 64), (back, 66), (transfer, 70)],
            (),
        ),
        ("the limit stays", False, [(swap, 0), (login, 60), (transfer, 70)], ()),
        (
            "the limit is raised only afterwards",
            False,
            [(swap, 0), (login, 60), (transfer, 70), (limit, 74)],
            (),
        ),
        ("a day and an hour", False, [(swap, 0), (login, 60), (limit, 64), (transfer, 1_500)], ()),
    )
    for note, alert, story, left_out in stories:
        scene = cast.scene(26 * HOUR, {"session": 2 * HOUR, "profile": 26 * HOUR})
        events = [
            scene.event(kind, minute * MINUTE, amount=2_400)
            if kind == transfer
            else _changed(cast, scene, kind, minute * MINUTE)
            for kind, minute in story
        ]
        taken = [event for index, event in enumerate(events) if index not in left_out]
        context = [events[index] for index in left_out]
        yield Case("sim_swap", scene.key("user_id"), alert, note, taken, context, "SimSwapTransfer")


def card_interception(cast: Cast) -> Iterator[Case]:
    """New device and new address within a day, nobody seen at a branch, then a card sent home."""
    device, moved, visit, order = "NewDevice", "AddressChange", "BranchVisit", "CardOrder"
    stories = (
        # note, alert, events with their hour, delivery of the card
        ("device, address, card", True, [(device, 0), (moved, 3), (order, 26)], "home"),
        ("address, device, card", True, [(moved, 0), (device, 24), (order, 70)], "home"),
        ("a branch visit between the two", False, [(device, 0), (visit, 2), (moved, 3), (order, 26)], "home"),
        (
            "the address changes a day and an hour later",
            False,
            [(device, 0), (moved, 25), (order, 30)],
            "home",
        ),
        ("the card waits at the branch", False, [(device, 0), (moved, 3), (order, 26)], "branch"),
        ("more than four days", False, [(device, 0), (moved, 3), (order, 97)], "home"),
    )
    for note, alert, story, delivery in stories:
        scene = cast.scene(4 * DAY + 2 * HOUR, {"profile": 5 * DAY})
        taken = []
        for kind, hours in story:
            given: dict[str, Given] = {}
            if kind == device:
                given["device_id"] = f"d{scene.user.number}-8"
            elif kind == order:
                given["delivery"] = delivery
            taken.append(scene.event(kind, hours * HOUR, **given))
        yield Case("card_interception", scene.key("user_id"), alert, note, taken, emit="CardInterception")
