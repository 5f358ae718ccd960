"""How much may be asked: questions, answers at the same time, and tokens a day.

A question takes from all limits before the model is asked, and gives back what its answer has not
used. The counts are in the journal, for all workers.
"""

from relay.limits.limited_question import LimitedQuestion
from relay.limits.limits import check_limits
from relay.limits.reservations import Reservations
from relay.limits.tokens import NO_TOKENS, Tokens

__all__ = ["NO_TOKENS", "LimitedQuestion", "Reservations", "Tokens", "check_limits"]
