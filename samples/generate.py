"""Writes the sample events and the truth about them: `python -m samples.generate`.

The same arguments give the same events on every machine. Lines stand in the order in which events would
arrive, which is nearly that of their time; `truth.jsonl` names the planted cases by line number.
"""

import argparse
import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from samples import cases_cards, cases_fleet, cases_login, cases_money, cases_profile
from samples.habits import background
from samples.stage import Case, Cast, Quiet
from samples.world import SampleEvent, World

SEED: Final = 7
DAYS: Final = 45
DAYS_MIN: Final = 42
ACCOUNTS: Final = 200
ACCOUNTS_MAX: Final = 5_000

PLANTED: Final[Sequence[Callable[[Cast], Iterator[Case]]]] = (
    cases_login.brute_force,
    cases_login.password_spraying,
    cases_login.takeover_after_reset,
    cases_login.burst_then_payee,
    cases_login.dormant_account,
    cases_profile.email_change_transfer,
    cases_profile.new_device_cash_out,
    cases_profile.profile_rebuilt,
    cases_profile.sim_swap,
    cases_profile.card_interception,
    cases_cards.card_testing,
    cases_cards.impossible_travel,
    cases_cards.rising_amounts,
    cases_cards.pin_bypass,
    cases_cards.stolen_card,
    cases_cards.overcharged_clearing,
    cases_fleet.merchant_declines,
    cases_fleet.bin_attack,
    cases_fleet.silent_terminal,
    cases_money.mule_account,
    cases_money.structuring,
    cases_money.pass_through_account,
    cases_money.night_drain,
    cases_money.unpaid_order,
    cases_money.refund_abuse,
)
"""A function for each rule; its name is the rule's."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The lines of the two files, and how many lines each type of event has."""

    events: Sequence[str]
    truth: Sequence[str]
    types: Counter[str]


def generate(seed: int = SEED, days: int = DAYS, accounts: int = ACCOUNTS) -> Samples:
    """Make the bank, plant the cases, let life go on around them, and put all of it into one order."""
    world = World(seed, days, accounts)
    quiet: list[Quiet] = []
    # Cases first: life has to know where it must keep quiet.
    cases = [
        case for plant in PLANTED for case in plant(Cast(world, world.rng("cases", plant.__name__), quiet))
    ]
    events = _arrival_order([*_planted_events(cases), *background(world, quiet)])
    lines = {event: number for number, event in enumerate(events, start=1)}
    numbers: Counter[str] = Counter()
    truth = []
    for case in cases:
        numbers[case.rule] += 1
        truth.append(case.line(f"{case.rule}-{numbers[case.rule]:02d}", lines))
    return Samples([event.line() for event in events], truth, Counter(event.type for event in events))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write `events.jsonl.gz` and `truth.jsonl` into a folder and tell how much they hold."""
    parser = argparse.ArgumentParser(prog="python -m samples.generate", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder of the two files")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--days", type=int, default=DAYS, help=f"{DAYS_MIN} or more")
    parser.add_argument("--accounts", type=int, default=ACCOUNTS, help="customers beside those of the cases")
    given = parser.parse_args(arguments)
    if given.days < DAYS_MIN:
        parser.error(
            f"--days {given.days}: a sleeping account takes thirty days, so {DAYS_MIN} are the least"
        )
    if not 0 <= given.accounts <= ACCOUNTS_MAX:
        parser.error(f"--accounts {given.accounts}: between 0 and {ACCOUNTS_MAX}")
    samples = generate(given.seed, given.days, given.accounts)
    given.out.mkdir(parents=True, exist_ok=True)
    write(given.out, samples)
    width = len(f"{len(samples.events):,}")
    print(f"{len(samples.events):{width},} events in {given.out / 'events.jsonl.gz'}")
    print(f"{len(samples.truth):{width},} planted cases in {given.out / 'truth.jsonl'}")
    for event_type, count in samples.types.most_common():
        print(f"{count:{width},} {event_type}")


def write(folder: Path, samples: Samples) -> None:
    """Write the two files; nothing but the samples is in them, so no time of writing and no file name."""
    with (folder / "events.jsonl.gz").open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(_text(samples.events).encode())
    (folder / "truth.jsonl").write_text(_text(samples.truth), encoding="utf-8", newline="\n")


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _planted_events(cases: Iterable[Case]) -> list[SampleEvent]:
    # A dict, not a set: cases may share events, and the order must not hang on addresses.
    return list(dict.fromkeys(event for case in cases for event in (*case.taken, *case.context)))


def _arrival_order(events: list[SampleEvent]) -> list[SampleEvent]:
    """Sort by the moment of arrival; of events that arrive together the older goes first."""
    return sorted(events, key=lambda event: (event.ts_ms + event.delay_ms, event.ts_ms))


if __name__ == "__main__":
    main()
