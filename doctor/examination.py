"""All checks in their order. What depends on something that is wrong is left out."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from doctor.cors import check_cors
from doctor.deployment import Deployment, Unreachable, origin_of
from doctor.endings import NOT_ASKED, WITHOUT_MODEL, check_endings, unchecked
from doctor.last_proxy import check_last_proxy
from doctor.page import check_page
from doctor.readiness import CHECK, check_readiness
from doctor.report import Finding, Report, not_checked, wrong
from doctor.resume import check_resume
from doctor.scripted_model import Model
from doctor.streaming import QUESTION, ask, check_stop, write_steadily

LONG_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Examination:
    """What to examine. `model` is the scripted model that the relay asks, if it does.

    `asks` is whether a question may be asked, and `seconds` how long the longest answer is.
    """

    url: str
    page: str = ""
    token: str = ""
    model: Model | None = None
    asks: bool = True
    seconds: float = LONG_SECONDS
    clock: Callable[[], float] = time.time

    def report(self) -> Report:
        origin = origin_of(self.page) if self.page else ""
        findings = list(check_page(self.page, self.url)) if self.page else []
        deployment = Deployment(self.url, origin=origin, token=self.token)
        try:
            # One by one, so that those before a failure are kept.
            for finding in self._findings(deployment):
                findings.append(finding)
        except Unreachable as error:
            findings.append(
                wrong(CHECK, f"The relay stopped answering: {error}.", "Look into its log.")
            )
        return Report(self.url, tuple(findings))

    def _findings(self, deployment: Deployment) -> Iterator[Finding]:
        found = list(check_readiness(deployment))
        yield from found
        if any(each.result == "wrong" for each in found):
            return
        yield from check_last_proxy(deployment, self.clock)
        yield from check_cors(deployment)
        if not self.asks:
            yield not_checked("answer", "No question was asked: leave out --no-question.")
            return
        yield from self._findings_about_answers(deployment)

    def _findings_about_answers(self, deployment: Deployment) -> Iterator[Finding]:
        if self.model is not None:
            self.model.answers(QUESTION, write_steadily)
        asked, findings = ask(deployment)
        yield from findings
        if asked is not None:
            yield from check_stop(asked)
            yield from check_resume(deployment, asked)
        if self.model is None:
            yield from unchecked(WITHOUT_MODEL)
        elif not self.model.was_asked(QUESTION):
            yield from unchecked(NOT_ASKED)
        else:
            yield from check_endings(deployment, self.model, self.seconds)
