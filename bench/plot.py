"""A curve as a small SVG: logarithmic in both directions, so that a straight line is a power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 460, 260, 56


def plot(path: Path, title: str, across: str, up: str, points: Sequence[tuple[float, float]]) -> None:
    """Draw points that are above zero, joined by a line, each with its value."""
    if not points:
        return
    xs, ys = [x for x, _ in points], [y for _, y in points]
    marks, line = [], []
    for x, y in points:
        px = MARGIN + _share(x, xs) * (WIDTH - 2 * MARGIN)
        py = HEIGHT - MARGIN - _share(y, ys) * (HEIGHT - 2 * MARGIN)
        line.append(f"{px:.1f},{py:.1f}")
        marks.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="#246"/>')
        marks.append(f'<text x="{px:.1f}" y="{py - 8:.1f}" text-anchor="middle">{_short(y)}</text>')
        marks.append(f'<text x="{px:.1f}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">{_short(x)}</text>')
    body = "\n".join(marks)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-size="11"'
        ' font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>\n'
        f'<text x="{WIDTH / 2}" y="18" text-anchor="middle" font-size="13">{title}</text>\n'
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 14}" text-anchor="middle">{across}</text>\n'
        f'<text x="14" y="{HEIGHT / 2}" transform="rotate(-90 14 {HEIGHT / 2})"'
        f' text-anchor="middle">{up}</text>\n'
        f'<polyline fill="none" stroke="#48a" stroke-width="2" points="{" ".join(line)}"/>\n{body}\n</svg>\n',
        encoding="utf-8",
    )


def _share(value: float, values: Sequence[float]) -> float:
    low, high = math.log(min(values)), math.log(max(values))
    return 0.5 if high - low < math.log(1.05) else (math.log(value) - low) / (high - low)


def _short(value: float) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"
