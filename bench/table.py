"""The result as Markdown tables, which are readable in a terminal too."""

from bench.figures import FIGURES, Figure, Range, Sample
from bench.peers import ASKBOT, NO_RELAY

_HARNESS = (
    ("The upstream alone on its core, tokens/s", "burst", "tokens_per_second", NO_RELAY),
    ("The same, its CPU us/token", "burst", "upstream_cpu_us_per_token", NO_RELAY),
    (
        "Upstream and readers, share of their core at Askbot's capacity",
        "capacity",
        "others_cpu_share",
        ASKBOT,
    ),
    ("Upstream behind its own schedule there, p99 ms", "capacity", "upstream_lag_p99_ms", ASKBOT),
    ("Token age there, p99 ms", "capacity", "token_age_p99_ms", ASKBOT),
)


def tables(samples: list[Sample]) -> str:
    """All that was measured."""
    parts = [_verdicts(samples), *(_ranges(figure, samples) for figure in FIGURES)]
    parts += [_harness(samples), _errors(samples)]
    return "\n\n".join(part for part in parts if part)


def _verdicts(samples: list[Sample]) -> str:
    rows = []
    for figure in FIGURES:
        result = figure.result(samples)
        if result is None:
            continue
        bound = "at least" if figure.at_least else "at most"
        against = f" x {figure.over.title}" if figure.over else f" {figure.unit}"
        rows.append(
            [
                figure.title,
                f"{result:.3g}{against}",
                f"{bound} {figure.limit:g}{against}",
                "reached" if figure.reached(samples) else "not reached",
            ]
        )
    return markdown(["", "measured", "must be", ""], rows)


def _ranges(figure: Figure, samples: list[Sample]) -> str:
    rows = [
        [peer.title, *_numbers(values)]
        for peer in figure.among
        if (values := figure.range(samples, peer.name))
    ]
    table = markdown(["", f"median {figure.unit}", "min", "max"], rows)
    return table and f"{figure.title}\n\n{table}"


def _harness(samples: list[Sample]) -> str:
    """What the upstream and the readers can do without a relay, and how busy they were with one."""
    rows = [
        [title, *_numbers(values)]
        for title, scenario, name, peer in _HARNESS
        if (values := Range.of(samples, scenario, name, peer.name))
    ]
    table = markdown(["", "median", "min", "max"], rows)
    return table and f"Whether the upstream and the readers are the limit\n\n{table}"


def _errors(samples: list[Sample]) -> str:
    lines = [
        f"- {sample.scenario}, {sample.peer}, round {sample.round}: {sample.error}"
        for sample in samples
        if sample.error
    ]
    return "\n".join(["Not measured:\n", *lines]) if lines else ""


def _numbers(values: Range) -> list[str]:
    return [three_digits(value) for value in (values.median, values.low, values.high)]


def three_digits(value: float) -> str:
    """Three digits are all that such a measurement can tell."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table whose first column holds names and whose others hold numbers; no rows, nothing."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def line(cells: list[str]) -> str:
        name, *numbers = cells
        padded = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        return f"| {' | '.join([name.ljust(widths[0]), *padded])} |"

    return "\n".join(line(cells) for cells in [header, rule, *rows])
