"""The result as a small SVG: a panel for each figure, a bar for each relay.

It is a dozen rectangles, so it needs no library. It has no background. Its colours are readable on
white and on near-black, because a README may be shown on either.
"""

from xml.sax.saxutils import escape

from bench.figures import Figure, Range, Sample
from bench.peers import ASKBOT
from bench.table import three_digits

_WIDTH = 820
_NAME_WIDTH = 120
_VALUE_WIDTH = 170
_BAR_HEIGHT = 16
_ROW_HEIGHT = 24
_TITLE_HEIGHT = 30
_GAP = 18
_TEXT = "#768390"
_OURS = "#2f81f7"
_OTHERS = "#8b949e"


def plot(figures: list[Figure], samples: list[Sample], caption: str) -> str:
    """An SVG document with these figures' medians; whiskers show minimum and maximum."""
    panels: list[str] = []
    top = 0
    for figure in figures:
        ranges = [(peer.title, figure.range(samples, peer.name)) for peer in figure.among]
        bars = [(title, values) for title, values in ranges if values]
        if bars:
            panels += _panel(figure, bars, top)
            top += _TITLE_HEIGHT + len(bars) * _ROW_HEIGHT + _GAP
    height = top + 16
    panels.append(_label(0, height - 5, caption, size=11))
    style = "font-family='system-ui, -apple-system, Segoe UI, sans-serif'"
    return "\n".join(
        [
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {height}'"
            f" width='{_WIDTH}' height='{height}' role='img' {style}>",
            f"<title>{escape(', '.join(figure.title for figure in figures))}</title>",
            *panels,
            "</svg>\n",
        ]
    )


def _panel(figure: Figure, bars: list[tuple[str, Range]], top: int) -> list[str]:
    better = "more is better" if figure.at_least else "less is better"
    parts = [_label(0, top + 16, f"{figure.title}: {figure.unit}, {better}", weight=600)]
    scale = (_WIDTH - _NAME_WIDTH - _VALUE_WIDTH) / max(values.high for _, values in bars)
    for row, (title, values) in enumerate(bars):
        y = top + _TITLE_HEIGHT + row * _ROW_HEIGHT
        middle = y + _BAR_HEIGHT / 2
        ours = title == ASKBOT.title
        color, weight = (_OURS, 600) if ours else (_OTHERS, 400)
        left, right = (_NAME_WIDTH + value * scale for value in (values.low, values.high))
        end = _NAME_WIDTH + values.median * scale
        parts += [
            _label(_NAME_WIDTH - 10, y + 13, title, weight=weight, anchor="end"),
            f"<rect x='{_NAME_WIDTH}' y='{y}' width='{end - _NAME_WIDTH:.1f}'"
            f" height='{_BAR_HEIGHT}' rx='2' fill='{color}'/>",
            f"<path d='M{left:.1f} {middle}H{right:.1f}' stroke='{_TEXT}' stroke-width='2'/>",
            _label(max(right, end) + 8, y + 13, _value(values), weight=weight),
        ]
    return parts


def _value(values: Range) -> str:
    return (
        f"{three_digits(values.median)} ({three_digits(values.low)} to {three_digits(values.high)})"
    )


def _label(
    x: float, y: float, text: str, *, size: int = 13, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y}' font-size='{size}' font-weight='{weight}'"
        f" text-anchor='{anchor}' fill='{_TEXT}'>{escape(text)}</text>"
    )
