"""The manifests for Kubernetes: checked against its schemas, and against the relay itself."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from helpers.client import Exchange
from helpers.limits import WAIT_SECONDS
from helpers.relay_process import PROJECT, RelayProcess
from relay.access import check_address
from relay.settings import Settings, variable, written
from relay.version import version

MANIFESTS = PROJECT / "deploy/kubernetes.yaml"
# The oldest with all that is used.
VERSIONS = ("1.30.0", "1.37.0")


def manifest(kind: str, name: str = "askbot") -> Any:
    """The one of that kind and name."""
    every = yaml.safe_load_all(MANIFESTS.read_text(encoding="utf-8"))
    return next(each for each in every if (each["kind"], each["metadata"]["name"]) == (kind, name))


def pod() -> Any:
    return manifest("Deployment")["spec"]["template"]["spec"]


def test_the_manifests_are_valid() -> None:
    """Kubernetes knows every field, in the oldest version that the file names and in a new one."""
    tool = Path(sys.executable).parent / "kubernetes-validate"
    for each in VERSIONS:
        done = subprocess.run(
            [tool, "--strict", "--quiet", "-k", each, MANIFESTS],
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_settings() -> None:
    """The relay knows each of them, and starts with them at its address."""
    environ = manifest("ConfigMap")["data"]
    settings = Settings.from_environ(environ)
    known = {variable(name) for name in Settings.__dataclass_fields__.values()}
    assert environ.keys() <= known
    assert written(settings.trusted_proxies) == "1"
    check_address(settings.host, settings)
    redis = settings.redis_url.removeprefix("redis://").partition(":")[0]
    assert manifest("Service", redis)


def test_the_time_to_end() -> None:
    """A pod is killed only after the time for the other nodes, and the time for its answers."""
    settings = Settings.from_environ(manifest("ConfigMap")["data"])
    seconds = settings.drain_seconds + settings.graceful_timeout
    assert pod()["terminationGracePeriodSeconds"] > seconds
    assert settings.drain_seconds > pod()["containers"][0]["readinessProbe"]["periodSeconds"]


def test_the_probes(relay: RelayProcess) -> None:
    """What the probes ask for is answered."""
    container = pod()["containers"][0]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        path = container[probe]["httpGet"]["path"]
        assert Exchange(relay.url, method="GET", path=path).status == 200


def test_what_is_selected() -> None:
    """Service, budget and autoscaler mean the relay's pods, which run this version's image."""
    labels = manifest("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert manifest("Service")["spec"]["selector"] == labels
    assert manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert manifest("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "askbot"
    user, group = (pod()["securityContext"][each] for each in ("runAsUser", "runAsGroup"))
    assert pod()["containers"][0]["image"].endswith(f":{version()}")
    dockerfile = (PROJECT / "deploy/Dockerfile").read_text(encoding="utf-8")
    assert f"\nUSER {user}:{group}\n" in dockerfile
