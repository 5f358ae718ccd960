"""The command line: `python -m doctor URL`."""

import argparse
import os
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from doctor.endings import SILENT_SECONDS
from doctor.examination import LONG_SECONDS, Examination
from doctor.scripted_model import Model

OK, WRONG, UNUSABLE = 0, 1, 2

TOKEN = "ASKBOT_TOKEN"  # nosec B105  # The name of a variable.

COSTS = "doctor: the model is asked one question of about 500 tokens, stopped after some seconds."
DESCRIPTION = (
    "Examines a deployment of the relay, and says what is wrong and how to fix it. Asks the "
    "model one question of about 500 tokens, and stops its answer after some seconds. An access "
    f"token is taken from the environment variable {TOKEN}."
)
EPILOG = "Exit status: 0 if nothing is wrong, 1 if something is, 2 if it could not begin."


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        model = Model(*options.as_model) if options.as_model else None
    except OSError as error:
        print(f"doctor: cannot listen at --as-model: {error.strerror}.", file=sys.stderr)
        return UNUSABLE
    if model is not None:
        print(
            f"doctor: this takes up to {options.seconds + SILENT_SECONDS:.0f} s.", file=sys.stderr
        )
    elif not options.no_question:
        print(COSTS, file=sys.stderr)
    try:
        report = Examination(
            options.url,
            page=options.page or "",
            token=os.environ.get(TOKEN, ""),
            model=model,
            asks=not options.no_question,
            seconds=options.seconds,
        ).report()
    finally:
        if model is not None:
            model.close()
    print(report.json() if options.json else report.words(is_verbose=options.verbose))
    return WRONG if report.wrong else OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m doctor", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("url", type=_url, help="the relay's address, as clients use it")
    parser.add_argument("--page", type=_url, help="the page's address, if there is a page")
    parser.add_argument(
        "--as-model",
        type=_listening,
        metavar="HOST:PORT",
        help="listen there and be the model, whose address the relay has in OPENAI_BASE_URL; "
        "needed to find limits of time and hidden cuts",
    )
    parser.add_argument(
        "--no-question", action="store_true", help="ask the model nothing, and check only the rest"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=LONG_SECONDS,
        help="how long the longest answer is, with --as-model (%(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print all findings as JSON")
    parser.add_argument("--verbose", action="store_true", help="print what is fine too")
    return parser


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError("an address such as https://relay.example")
    return text


def _listening(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise argparse.ArgumentTypeError("a host and a port, such as 127.0.0.1:9000")
    return host.strip("[]"), int(port)
