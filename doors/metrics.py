"""/metrics, for Prometheus."""

from flask import Response

from doors.serving import serving
from relay.telemetry import CONTENT_TYPE


def show_metrics() -> Response:
    """For Prometheus: the counts of all workers. The gate says who may see them."""
    telemetry = serving().telemetry
    # A server for development starts it here. gunicorn's workers have started theirs.
    telemetry.pulse.start()
    return Response(telemetry.scrape.text(), content_type=CONTENT_TYPE)
