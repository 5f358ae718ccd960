"""What the checks found, in words and as JSON."""

import json
import textwrap
from dataclasses import asdict, dataclass
from typing import Literal

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `fix` says what to do if something is wrong."""

    check: str
    result: Literal["fine", "wrong", "not checked"]
    what: str
    fix: str = ""


def fine(check: str, what: str) -> Finding:
    return Finding(check, "fine", what)


def wrong(check: str, what: str, fix: str) -> Finding:
    return Finding(check, "wrong", what, fix)


def not_checked(check: str, why: str) -> Finding:
    return Finding(check, "not checked", why)


@dataclass(frozen=True, slots=True)
class Report:
    """All findings about a deployment."""

    url: str
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> list[Finding]:
        return [each for each in self.findings if each.result == "wrong"]

    def words(self, *, is_verbose: bool = False) -> str:
        """For people: what is wrong, what was not checked, and if `is_verbose` what is fine."""
        count = len(self.wrong)
        things = {0: "Nothing is wrong", 1: "One thing is wrong"}.get(
            count, f"{count} things are wrong"
        )
        paragraphs = [f"{self.url}: {things}."]
        for each in self.wrong:
            what, fix = f"WRONG: {each.check}. {each.what}", f"Fix: {each.fix}"
            paragraphs.append(f"{_filled(what)}\n{_filled(fix)}")
        paragraphs += self._paragraphs("not checked")
        if is_verbose:
            paragraphs += self._paragraphs("fine")
        return "\n\n".join(paragraphs)

    def json(self) -> str:
        findings = [asdict(each) for each in self.findings]
        return json.dumps({"url": self.url, "ok": not self.wrong, "findings": findings}, indent=2)

    def _paragraphs(self, result: str) -> list[str]:
        """One for each thing to say, with all checks that it is about."""
        checks: dict[str, list[str]] = {}
        for each in self.findings:
            if each.result == result:
                checks.setdefault(each.what, []).append(each.check)
        return [_filled(f"{result}: {', '.join(checks[what])}. {what}") for what in checks]


def _filled(text: str) -> str:
    # Addresses and settings must stay in one piece, to be copied.
    return textwrap.fill(
        text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
