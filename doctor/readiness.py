"""Is there a relay, and is it ready?"""

import json
from collections.abc import Iterator

import httpx2

from doctor.deployment import Deployment, Unreachable
from doctor.refusal import refusal
from doctor.report import Finding, fine, wrong

CHECK = "relay"

# What proxies say of a relay that does not answer them.
NO_RELAY_BEHIND = (502, 503, 504)


def check_readiness(deployment: Deployment) -> Iterator[Finding]:
    """Whether the other checks have something to examine."""
    try:
        yield _finding(deployment, deployment.request("GET", "/ready"))
    except Unreachable as error:
        yield wrong(
            CHECK,
            f"Nothing answers at {deployment.url}: {error}.",
            "Start the relay and what stands before it, and see that name, port and certificate "
            "are right. A relay that others shall reach needs HOST=0.0.0.0.",
        )


def _finding(deployment: Deployment, response: httpx2.Response) -> Finding:
    url, status = f"{deployment.url}/ready", response.status_code
    if response.is_redirect:
        return wrong(
            CHECK,
            f"{url} leads to {response.headers.get('Location')}.",
            "Name that address. Browsers follow no redirect of a question's preflight.",
        )
    if _is_relays(response):
        if status == 200:
            return fine(CHECK, "It answers and is ready.")
        said = refusal(response.text, status)
        return wrong(CHECK, f"The relay is not ready: {said}", "The relay's log says why.")
    if status in NO_RELAY_BEHIND:
        return wrong(
            CHECK,
            f"A proxy answers at {url} with the status {status}: it does not reach the relay.",
            "Start the relay, and see that the proxy has its address.",
        )
    return wrong(
        CHECK,
        f"{url} is not the relay's: status {status}, and not its body or headers.",
        "Pass /ready, /personas, /aiCompletion, /api and /v1 on to the relay, and headers back.",
    )


def _is_relays(response: httpx2.Response) -> bool:
    """Whether the relay itself wrote the reply."""
    try:
        body = json.loads(response.text)
    except ValueError:
        return False
    is_known = isinstance(body, dict) and ("ready" in body or "error" in body)
    return is_known and "X-Request-Id" in response.headers
