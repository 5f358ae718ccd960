"""Whether what the relay holds stayed flat, and a table of it."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from bench.soak.looks import Look
from bench.table import markdown, three_digits

ALLOWED_GROWTH = 0.05
# They go up and down with the readers. So they may grow as much as the running answers have grown,
# which by themselves prove nothing.
WITH_READERS = ("descriptors", "greenlets", "readers", "kept_megabytes")
NOT_BY_GROWTH = ("running_answers", "file_megabytes")
# The file may be so many times as large as what was in use of it at most, and its WAL so large.
FILE_TIMES, WAL_MEGABYTES = 2, 8
NONE_AFTERWARDS = ("running_answers", "readers")
MINUTE = 60.0

TITLES = {
    "rss_megabytes": "RSS of all processes, MB",
    "pss_megabytes": "PSS of all processes, MB",
    "descriptors": "open descriptors",
    "threads": "threads",
    "greenlets": "greenlets",
    "kept_megabytes": "in use of the state file, MB",
    "file_megabytes": "state file and its WAL, MB",
    "running_answers": "running answers",
    "readers": "connected readers",
}


@dataclass(frozen=True)
class Course:
    """One figure over the run: medians of its looks."""

    name: str
    first_minute: float
    middle_minute: float
    last_minute: float
    middle_third: float
    last_third: float
    highest: float
    afterwards: float
    """When all readers have left."""

    @classmethod
    def of(cls, name: str, looks: list[Look], afterwards: Look) -> "Course":
        seconds = looks[-1].second

        def median(begin: float, end: float) -> float:
            return statistics.median(
                look.figures()[name] for look in looks if begin <= look.second <= end
            )

        minute = min(MINUTE, seconds / 3)
        middle = (seconds - minute) / 2
        return cls(
            name,
            first_minute=median(0, minute),
            middle_minute=median(middle, middle + minute),
            last_minute=median(seconds - minute, seconds),
            middle_third=median(seconds / 3, seconds * 2 / 3),
            last_third=median(seconds * 2 / 3, seconds),
            highest=max(look.figures()[name] for look in looks),
            afterwards=afterwards.figures()[name],
        )

    @property
    def growth(self) -> float:
        """From the middle third to the last one. The first third is for warming up."""
        return (self.last_third - self.middle_third) / max(self.middle_third, 1)


def courses(looks: list[Look], afterwards: Look) -> list[Course]:
    return [Course.of(name, looks, afterwards) for name in TITLES]


def complaints(of: list[Course]) -> Iterator[str]:
    """What has grown, and what has not ended with its readers."""
    by_name = {each.name: each for each in of}
    with_readers = ALLOWED_GROWTH + max(0.0, by_name["running_answers"].growth)
    for name, course in by_name.items():
        allowed = with_readers if name in WITH_READERS else ALLOWED_GROWTH
        if name not in NOT_BY_GROWTH and course.growth > allowed:
            yield f"{TITLES[name]}: grown by {course.growth:.1%}"
        if name in NONE_AFTERWARDS and course.afterwards:
            yield f"{TITLES[name]}: {course.afterwards:g} when all have left"
    file = by_name["file_megabytes"].highest
    if file > FILE_TIMES * by_name["kept_megabytes"].highest + WAL_MEGABYTES:
        yield f"{TITLES['file_megabytes']}: {file:.1f}, far more than was in use"


def table(of: list[Course]) -> str:
    header = ["", "first minute", "middle", "last", "growth %", "afterwards"]
    rows = [
        [
            TITLES[each.name],
            three_digits(each.first_minute),
            three_digits(each.middle_minute),
            three_digits(each.last_minute),
            f"{each.growth * 100:.1f}",
            three_digits(each.afterwards),
        ]
        for each in of
    ]
    return markdown(header, rows)
