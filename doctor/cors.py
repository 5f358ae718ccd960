"""May a page of another origin ask, and read what its client needs?"""

from collections.abc import Iterator

import httpx2

from doctor.deployment import Deployment, new_id, origin_of
from doctor.report import Finding, fine, not_checked, wrong

CHECK = "CORS"

# What `frontend/src/client/askbot.js` reads. Others a browser shows without permission.
READ_HEADERS = ("Completion-Id", "X-Request-Id", "ETag", "Content-Range", "Retry-After")

FROM_PROXY = "See that no proxy removes, adds or caches headers that begin with Access-Control."


def check_cors(deployment: Deployment) -> Iterator[Finding]:
    """A page of the relay's own origin needs no permission to read. Raises Unreachable."""
    if not deployment.origin:
        yield not_checked(CHECK, "Name the page's address: --page https://page.example/")
        return
    if deployment.origin == origin_of(deployment.url):
        yield _of_own_origin(deployment)
        return
    mistakes = [*_in_preflights(deployment), *_in_replies(deployment)]
    yield from mistakes or [fine(CHECK, f"Pages of {deployment.origin} may ask and read.")]


def _of_own_origin(deployment: Deployment) -> Finding:
    if deployment.request("GET", "/personas").status_code != 403:
        return fine(CHECK, "Page and relay have the same origin.")
    return wrong(
        CHECK,
        "The relay refuses its own origin's page.",
        f"Add {deployment.origin} to CORS_ORIGINS, or serve both over https: the relay believes no "
        "other name over http.",
    )


def _in_preflights(deployment: Deployment) -> Iterator[Finding]:
    answer = f"/aiCompletion/{new_id()}"
    token = ["authorization"] if deployment.needs_token else []
    for method, path, headers in (
        ("POST", "/aiCompletion", ["content-type", "idempotency-key"]),
        ("GET", answer, ["range", "if-range"]),
        ("DELETE", answer, []),
    ):
        asked = ",".join([*headers, *token])
        wanted = {"Access-Control-Request-Method": method}
        if asked:
            wanted["Access-Control-Request-Headers"] = asked
        response = deployment.request("OPTIONS", path, **wanted)
        mistake = _in_preflight(response, deployment.origin, method, asked)
        if mistake is not None:
            yield mistake
            # The others have the same cause, nearly always.
            return


def _in_preflight(
    response: httpx2.Response, origin: str, method: str, asked: str
) -> Finding | None:
    what = f"A browser's preflight for {method}"
    if not response.is_success:
        return wrong(
            CHECK,
            f"{what} has the status {response.status_code}.",
            f"Pass OPTIONS on to the relay, without a log-in, and name {origin} in CORS_ORIGINS.",
        )
    if (mistake := _in_origin(response, origin, what)) is not None:
        return mistake
    if method not in ("GET", "POST") and not _includes(response, "Methods", [method]):
        return wrong(CHECK, f"{what} does not allow the method.", FROM_PROXY)
    if asked and not _includes(response, "Headers", asked.split(",")):
        return wrong(CHECK, f"{what} does not allow the headers {asked}.", FROM_PROXY)
    return None


def _in_replies(deployment: Deployment) -> Iterator[Finding]:
    reply = deployment.request("GET", "/personas")
    mistake = _in_origin(reply, deployment.origin, "A reply")
    if mistake is not None:
        yield mistake
        return
    hidden = [name for name in READ_HEADERS if not _includes(reply, "Expose-Headers", [name])]
    if hidden:
        yield wrong(
            CHECK,
            f"Pages may not read {', '.join(hidden)}: Access-Control-Expose-Headers does not name "
            "them, so a page cannot read on after a lost connection.",
            FROM_PROXY,
        )
    refusal = deployment.request("GET", f"/aiCompletion/{new_id()}")
    mistake = _in_origin(refusal, deployment.origin, f"A refusal ({refusal.status_code})")
    if mistake is not None:
        yield mistake


def _in_origin(response: httpx2.Response, origin: str, what: str) -> Finding | None:
    allowed = response.headers.get_list("Access-Control-Allow-Origin")
    if len(allowed) == 1 and allowed[0] in (origin, "*"):
        return None
    if not allowed:
        return wrong(
            CHECK,
            f"{what} has no Access-Control-Allow-Origin for {origin}, so a page there cannot "
            "read it.",
            f"Add {origin} to CORS_ORIGINS. {FROM_PROXY}",
        )
    return wrong(
        CHECK,
        f"{what} has Access-Control-Allow-Origin: {', '.join(allowed)}. Browsers take one, which "
        f"must be {origin}.",
        FROM_PROXY,
    )


def _includes(response: httpx2.Response, which: str, names: list[str]) -> bool:
    suffix = which if which.startswith("Expose") else f"Allow-{which}"
    value = response.headers.get(f"Access-Control-{suffix}", "")
    listed = {each.strip().lower() for each in value.split(",")}
    return "*" in listed or listed.issuperset(name.lower() for name in names)
