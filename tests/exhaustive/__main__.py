"""Every pattern of up to four steps over every stream of up to six events, on every core."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.exhaustive.agree import disagreements, part
from tests.exhaustive.test_small import FAMILIES
from tests.exhaustive.worlds import LOOPS, absences, loops, modes, plain, typings

CHUNK = 21


LARGE: dict[str, Callable[[], Iterator[str]]] = {
    **FAMILIES,
    "four": lambda: modes(plain(4)),
    "loops among three": lambda: modes(loops(3, LOOPS)),
    "absences among three": lambda: modes((t for types in typings(4) for t in absences(types)), "2ms"),
}
"""The small patterns, four steps in every shape, three with a loop in each place, a NOT beside three."""


def disagreeing(chunk: list[str], events: int) -> list[str]:
    """What an engine reads otherwise than the oracle, of some patterns."""
    return list(disagreements(chunk, events))


def main() -> int:
    """Print each disagreement and how far it has come; exit code 1 if there was any."""
    parser = argparse.ArgumentParser(prog="python -m tests.exhaustive", description=__doc__)
    parser.add_argument("--events", type=int, default=6, help="the longest stream")
    parser.add_argument("--part", default="1/1", help="1/8: the first of eight parts, for as many machines")
    parser.add_argument("--family", choices=LARGE, help="these patterns alone")
    chosen = parser.parse_args()
    number, of = (int(word) for word in chosen.part.split("/"))
    families = [LARGE[chosen.family]] if chosen.family else LARGE.values()
    mine = list(part((text for family in families for text in family()), number - 1, of))
    chunks = [mine[i : i + CHUNK] for i in range(0, len(mine), CHUNK)]
    found = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done, wrong in enumerate(pool.map(disagreeing, chunks, [chosen.events] * len(chunks)), start=1):
            found += len(wrong)
            for each in wrong:
                sys.stdout.write(f"{each}\n")
            sys.stderr.write(f"\r{done * CHUNK} of {len(mine)} patterns, {found} disagree ")
    sys.stderr.write("\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
