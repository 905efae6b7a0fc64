"""Curves as SVG, without a library: a line with a band per method, what was spent on a logarithmic axis."""

import html
import math

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 40, 50
COLOURS = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf", "#7f7f7f", "#bcbd22", "#e377c2", "#000000", "#98df8a"]


def ticks(low, high):
    """Up to about six round numbers from low to high."""
    step = 10 ** math.floor(math.log10(max(high - low, 1e-12)))
    step = next(step * f for f in (0.2, 0.5, 1, 2, 5) if (high - low) / (step * f) <= 6)
    first = math.ceil(low / step)
    return [i * step for i in range(first, math.floor(high / step) + 1)]


class Axes:
    def __init__(self, x_range, y_range):
        self._x = [math.log10(x) for x in x_range]
        self._y = y_range

    def x(self, value):
        share = (math.log10(value) - self._x[0]) / max(self._x[1] - self._x[0], 1e-12)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        share = (value - self._y[0]) / max(self._y[1] - self._y[0], 1e-12)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def points(self, pairs):
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in pairs)


def text(x, y, words, anchor="middle"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(words)}</text>'


def frame(axes, x_range, y_range, title, y_label, x_label):
    parts = [text(WIDTH / 2, 20, title), text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_label), text(LEFT, TOP - 8, y_label, "start")]
    for exponent in range(math.ceil(math.log10(x_range[0])), math.floor(math.log10(x_range[1])) + 1):
        x = axes.x(10**exponent)
        parts += [f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>', text(x, HEIGHT - BOTTOM + 18, f"{10**exponent:,}")]
    for value in ticks(*y_range):
        y = axes.y(value)
        parts += [f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>', text(LEFT - 6, y + 4, f"{value:g}", "end")]
    return parts


def plot(curves, title, y_label, x_label="evaluations"):
    """`curves`: name to [(x, median, least, most)]. The whole picture, as text; nothing where there is nothing to show."""
    rows = [row for curve in curves.values() for row in curve]
    if not rows:
        return ""
    x_range = (min(row[0] for row in rows), max(row[0] for row in rows))
    # What is far above the rest at the beginning would flatten all of it.
    ends = [curve[-1][1] for curve in curves.values() if curve]
    low = min(row[2] for row in rows)
    high = min(max(row[3] for row in rows), max(max(ends), low * 1.001) * 1.5)
    axes = Axes(x_range, (low, high))
    parts = frame(axes, x_range, (low, high), title, y_label, x_label)
    for i, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        shown = [(x, min(m, high), min(a, high), min(b, high)) for x, m, a, b in curve]
        band = [(x, a) for x, _, a, _ in shown] + [(x, b) for x, _, _, b in reversed(shown)]
        parts += [f'<polygon points="{axes.points(band)}" fill="{colour}" opacity="0.12"/>',
                  f'<polyline points="{axes.points((x, m) for x, m, _, _ in shown)}" fill="none" stroke="{colour}" stroke-width="1.6"/>',
                  f'<path d="M{WIDTH - RIGHT + 10} {TOP + 16 * i}h18" stroke="{colour}" stroke-width="3"/>',
                  text(WIDTH - RIGHT + 34, TOP + 16 * i + 4, name, "start")]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>' + "".join(parts) + "</svg>\n")
