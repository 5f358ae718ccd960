"""Times in seconds that depend on one another.

Times that an operator sets are in `Settings`. A time that depends on no other stands in the module
that uses it.
"""

from relay.settings import Settings

_settings = Settings()

# --- towards clients

# After this silence, common hosts send an error page of their own in place of the reply.
HOST_SECONDS = 30.0
# How long a reply may be silent while an answer is written.
HEARTBEAT_SECONDS = 10.0
# When the head of a reply leaves at the latest if the model is thinking.
HEAD_SECONDS = 20.0
# The least time between two events that tell of thoughts.
THOUGHT_SECONDS = 1.0

# How long a cut waits after the event with the error. When a connection breaks, a browser drops the
# data that its page has not read yet.
LAST_WORDS_SECONDS = 0.5

assert THOUGHT_SECONDS < HEARTBEAT_SECONDS < HOST_SECONDS
assert HEAD_SECONDS + THOUGHT_SECONDS < HOST_SECONDS

# --- towards the model

# How long to wait for the usage after the finish_reason, when the text is whole.
TAIL_SECONDS = 2.0

assert _settings.connect_timeout < _settings.first_text_timeout < HOST_SECONDS
assert TAIL_SECONDS < _settings.idle_timeout < _settings.answer_timeout
assert _settings.first_text_timeout < _settings.answer_timeout

# --- between workers, through the journal

# How often a worker writes down what is new.
BEAT_SECONDS = 0.1
# How often it does so with nothing new, and how often it tries to reach a journal that is down.
IDLE_SECONDS = 1.0
# How long another process may lock the file before the journal counts as down.
LOCKED_SECONDS = 3.0
# A worker that has not written for this long counts as dead, and its answers as failed.
ALIVE_SECONDS = 4.0
# The longest time after a worker's death until a receipt says so.
FAILED_SECONDS = 6.0

assert BEAT_SECONDS < IDLE_SECONDS < LOCKED_SECONDS < ALIVE_SECONDS
assert ALIVE_SECONDS + IDLE_SECONDS < FAILED_SECONDS

# How often a worker tells the writing worker that it reads one of its answers.
LETTER_SECONDS = 1.0
# How long an answer counts as read elsewhere after such a letter.
READ_ELSEWHERE_SECONDS = 3.0
# How long a reader waits for text that they have already seen on another worker.
CATCH_UP_SECONDS = 1.0
# How long the journal may be down, or without the answer, before its readers are cut off.
LOST_SECONDS = 10.0

assert 2 * LETTER_SECONDS < READ_ELSEWHERE_SECONDS
assert 2 * BEAT_SECONDS < CATCH_UP_SECONDS
assert ALIVE_SECONDS + IDLE_SECONDS < LOST_SECONDS

# --- when a server stops

# The part of GRACEFUL_TIMEOUT that is reserved for cutting readers off and for the last receipts.
CLOSING_SECONDS = 2.0
# How long answers that are cut off may take to end.
CUT_SECONDS = 1.0
# How long before the master kills it a worker leaves whoever still reads.
LEAVING_SECONDS = 0.5
# How long idle connections may take to close.
DISMISSAL_SECONDS = 1.0

assert CUT_SECONDS + LEAVING_SECONDS < CLOSING_SECONDS < _settings.graceful_timeout
