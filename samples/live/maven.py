"""What Maven fetches, once for all runs: kept in a cache outside the project.

The cache is the folder that `CEP_CACHE` names, else `~/.cache/cep`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from samples.live.processes import ServiceError


def fetched(
    name: str,
    size: str,
    goal: Sequence[str],
    pom: str = "",
    arrange: Callable[[Path], None] = lambda _: None,
) -> Path:
    """The folder of the cache with what a goal of Maven puts there; `{out}` in its arguments is that folder.

    `arrange` makes of what came what is wanted. ServiceError if it cannot be had.
    """
    cache = Path(os.environ.get("CEP_CACHE") or Path.home() / ".cache" / "cep")
    folder = cache / name
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise ServiceError(f"the service {name} is fetched by Maven once: install it so that `mvn` is found")
    print(f"fetching {name} (once, {size}) into {folder}", file=sys.stderr)
    # Fetched beside and moved at the end: a broken fetch must not pass for a whole one.
    work = cache / f"{name}.{os.getpid()}"
    work.mkdir(parents=True)
    out = work / "out"
    try:
        if pom:
            (work / "pom.xml").write_text(pom)
        command = [maven, "-q", "-B", *(argument.replace("{out}", str(out)) for argument in goal)]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise ServiceError(
                f"Maven could not fetch the service {name}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        arrange(out)
        if not folder.is_dir():
            out.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder
