"""What an operator sees of the relay: lines in the log, and metrics.

Each answer that ends, and each refusal, is one record. It goes to two observers, which know nothing
of each other: one writes a line, the other counts.
"""

from relay.telemetry.log_lines import log_question
from relay.telemetry.metrics import CONTENT_TYPE
from relay.telemetry.piece_times import timed
from relay.telemetry.records import Asked, EndedAnswer, Refusal
from relay.telemetry.telemetry import Telemetry

__all__ = ["CONTENT_TYPE", "Asked", "EndedAnswer", "Refusal", "Telemetry", "log_question", "timed"]
