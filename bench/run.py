"""Measures cep beside its peers and by itself: `python bench/run.py [--quick] [--peers DIR]`.

Writes `bench/results/NAME.json` with machine, versions and commit, a plot for each growth curve, and the
tables in docs/performance.md. Nothing is asserted: figures of one run are to be compared with each other, not
with those of another day. `--peers` (or CEP_PEERS) is the folder with the workload and the drivers of the
other engines; which of them run depends on what was built in BENCH_HOME, as the README there tells.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from plot import plot
from workload import HOME, PEERS, events, rules

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "results"
PAGE = ROOT / "docs" / "performance.md"
DRIVER = [sys.executable, str(HERE / "driver.py")]

# events, rules, and which peers can be waited for
FULL = (
    (1_000_000, 10, ("duckdb", "esper-filter", "flink-cep-p1")),
    (200_000, 100, ("duckdb", "esper-filter", "flink-cep-p1")),
    (50_000, 1000, ("duckdb", "esper-filter")),
)
QUICK = ((50_000, 10, ("duckdb",)), (10_000, 100, ("duckdb",)))


def main() -> None:
    """Measure and write it down."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="small sizes, in less than two minutes")
    options.add_argument("--peers", type=Path, default=Path(PEERS))
    options.add_argument("--timeout", type=int, default=600, help="seconds for one engine and one work")
    given = options.parse_args()
    if not (given.peers / "run_all.py").is_file():
        sys.exit(f"{given.peers} has no run_all.py; name the folder of the peers with --peers or CEP_PEERS")
    RESULTS.mkdir(exist_ok=True)
    (HOME / "data").mkdir(parents=True, exist_ok=True)
    name = "quick" if given.quick else "full"
    unit = 1 if given.quick else 4
    found = {
        "machine": machine(),
        "peers": [beside_peers(given, *work) for work in (QUICK if given.quick else FULL)],
        "decode": decode(given.peers, 50_000 * unit),
        "growth": growth(given.peers, 12_500 * unit, (1, 10, 100) if given.quick else (1, 10, 100, 1000)),
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for curve, measured in found["growth"].items():
        # What is less than the noise of starting a process cannot be drawn.
        points = [(x, y) for x, y in measured if y > 0]
        plot(RESULTS / f"{name}-{curve}.svg", f"cost by {curve}", curve, "µs of CPU an event", points)
    write_page(name, found)
    print(f"written: {RESULTS / name}.json and {PAGE}")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
    names = ("numpy", "orjson", "lark")
    return {
        "commit": commit.stdout.strip(),
        "cpus": os.cpu_count(),
        "arch": platform.machine(),
        "python": platform.python_version(),
        "versions": {each: version(each) for each in names},
        "load_before": round(os.getloadavg()[0], 1),
    }


def beside_peers(
    given: argparse.Namespace, count: int, rules_count: int, wanted: tuple[str, ...]
) -> dict[str, Any]:
    """One work on all engines that are there, one after another, checked for equal matches."""
    python = HOME / "venv" / "bin" / "python"
    built = {
        "duckdb": python,
        "esper-filter": HOME / "build" / "bench-esper",
        "flink-cep-p1": HOME / "build" / "bench-flink",
    }
    engines = ["handwritten", "cep", *(each for each in wanted if built[each].exists())]
    variables = {
        **os.environ,
        "CEP_BENCH": " ".join(DRIVER),
        "BENCH_HOME": str(HOME),
        "BENCH_PYTHON": str(python if python.exists() else sys.executable),
    }
    out = HOME / f"peers-{count}-{rules_count}"
    subprocess.run(
        [
            *(sys.executable, given.peers / "run_all.py", "--data", events(given.peers, count)),
            *("--rules", str(rules_count), "--engines", ",".join(engines)),
            *("--timeout", str(given.timeout), "--out", out),
        ],
        check=True,
        env=variables,
    )
    result: dict[str, Any] = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    for each in result["results"]:
        each.pop("rules", None)
    return result


def decode(peers: Path, count: int) -> list[dict[str, Any]]:
    """Reading alone, by each reader and with bad lines; each in a process of its own, the best of three."""
    path = events(peers, count)
    with tempfile.TemporaryDirectory() as folder:
        works = (
            ("compiled", "compiled", path),
            ("compiled, one bad line", "compiled", spoilt(path, Path(folder) / "one", count)),
            ("compiled, a bad line in a thousand", "compiled", spoilt(path, Path(folder) / "some", 1000)),
            ("compiled, a bad line in ten", "compiled", spoilt(path, Path(folder) / "many", 10)),
            ("NumPy", "numpy", path),
            ("row by row", "rows", path),
        )
        found = []
        for name, reader, read in works:
            command = [sys.executable, str(HERE / "decode.py")]
            seconds = min(_cpu([*command, str(read), reader])[0] for _ in range(3))
            base = min(_cpu([*command, os.devnull, reader])[0] for _ in range(3))
            found.append({"reader": name, "events": count, "cpu_s": round(seconds - base, 3)})
    return found


def spoilt(path: Path, to: Path, every: int) -> Path:
    """The same events, one in so many cut off in the middle of its line."""
    with path.open("rb") as good, to.open("wb") as bad:
        for number, line in enumerate(good):
            bad.write(line[: len(line) // 2] + b"\n" if number % every == every // 2 else line)
    return to


def growth(peers: Path, count: int, sizes: tuple[int, ...]) -> dict[str, list[tuple[float, float]]]:
    """CPU microseconds an event, by what may make them grow; starting the process is not counted."""
    ten = rules(peers, 10)
    curves: dict[str, list[tuple[float, float]]] = {
        "events": [(n, _each(events(peers, n), n, ten)) for n in (count, 2 * count, 4 * count, 8 * count)],
        "keys": [(k, _each(events(peers, 2 * count, k), 2 * count, ten)) for k in (100, 1000, 10_000)],
        "rules": [(n, _each(events(peers, count), count, rules(peers, n))) for n in sizes],
        "window": [(f, _each(events(peers, 2 * count), 2 * count, _wider(ten, f))) for f in (1, 4, 16)],
        "open": _open_matches([1000, 10_000, 100_000, 20 * count]),
    }
    return curves


def _open_matches(counts: list[int]) -> list[tuple[float, float]]:
    """What `open_matches.py` says, reading left out."""
    command = [sys.executable, str(HERE / "open_matches.py"), *map(str, counts)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [(int(count), float(cost)) for count, cost, _ in map(str.split, lines)]


def _wider(made: dict[str, Any], factor: int) -> dict[str, Any]:
    return {"rules": [{**rule, "window": rule["window"] * factor} for rule in made["rules"]]}


def _each(path: Path, count: int, made: dict[str, Any]) -> float:
    """Microseconds of CPU for an event: the whole run less that of an empty file."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = Path(folder) / "rules.json"
        chosen.write_text(json.dumps(made), encoding="utf-8")
        whole, _ = _cpu([*DRIVER, str(path), str(chosen)])
        start, _ = _cpu([*DRIVER, os.devnull, str(chosen)])
    return round(max(whole - start, 0) / count * 1e6, 3)


def _cpu(command: list[str]) -> tuple[float, str]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def write_page(name: str, found: dict[str, Any]) -> None:
    """Put the tables between the marks of the page."""
    lines = []
    told = found["machine"]
    versions = ", ".join(f"{key} {value}" for key, value in told["versions"].items())
    lines.append(
        f"Commit {told['commit']}, {told['cpus']} processors ({told['arch']}), Python {told['python']},"
        f" {versions}; load before the run {told['load_before']}.\n"
    )
    lines.append("| events × rules | engine | events/s | ours is × as fast | peak MB | rules that agree |")
    lines.append("|---|---|---|---|---|---|")
    for work in found["peers"]:
        rows = {each["engine"]: each for each in work["results"]}
        ours = rows["cep"].get("events_per_s")
        for engine, row in rows.items():
            head = f"| {work['events']:,} × {work['rules']} | {engine} |"
            if "error" in row or not ours:
                lines.append(f"{head} {row.get('error', '')} | | | |")
                continue
            ratio = ours / row["events_per_s"]
            agree = f"{row.get('agree', '')}/{row['rules_run']}"
            lines.append(
                f"{head} {row['events_per_s']:,.0f} | {ratio:.3g} | {row['peak_rss_mb']:.0f} | {agree} |"
            )
    lines.append("\n| reader of JSON lines | events | CPU s | events a CPU second |")
    lines.append("|---|---|---|---|")
    for row in found["decode"]:
        rate = row["events"] / max(row["cpu_s"], 1e-6)
        lines.append(f"| {row['reader']} | {row['events']:,} | {row['cpu_s']} | {rate:,.0f} |")
    lines.append("")
    lines += [f"![by {curve}](../bench/results/{name}-{curve}.svg)" for curve in found["growth"]]
    begin, end = f"<!-- {name}: written by bench/run.py -->", f"<!-- end of {name} -->"
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
