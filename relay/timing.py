"""Times that depend on one another, side by side, in seconds.

Those that an operator sets are in `Settings`; one that stands alone is beside what it limits.
"""

from relay.settings import Settings

_settings = Settings()

# --- towards clients

# Common hosts answer for a server that is silent for so long, with a page that is not JSON.
HOST_SECONDS = 30.0
# How long a reply may be silent while an answer is written.
HEARTBEAT_SECONDS = 10.0

# A browser drops what it has not handed to its page yet when a connection breaks: for so long the
# cut waits after the words that say why.
LAST_WORDS_SECONDS = 0.5

assert HEARTBEAT_SECONDS < HOST_SECONDS

# --- towards the model

# Once the model has said why it ended, the text is whole: what may follow is the usage.
TAIL_SECONDS = 2.0

assert _settings.connect_timeout < _settings.first_text_timeout < HOST_SECONDS
assert TAIL_SECONDS < _settings.idle_timeout < _settings.answer_timeout
assert _settings.first_text_timeout < _settings.answer_timeout

# --- between workers, through the journal

# How often a worker writes down what is new.
BEAT_SECONDS = 0.1
# How often with nothing to be written, and how often it tries again while the journal is gone.
IDLE_SECONDS = 1.0
# How long a file may be locked by another process before it counts as gone.
LOCKED_SECONDS = 3.0
# A worker that has not written for so long is taken for dead, and its answers have failed.
ALIVE_SECONDS = 4.0
# So much later at most whoever asks is told that.
FAILED_SECONDS = 6.0

assert BEAT_SECONDS < IDLE_SECONDS < LOCKED_SECONDS < ALIVE_SECONDS
assert ALIVE_SECONDS + IDLE_SECONDS < FAILED_SECONDS

# How often a worker that reads an answer elsewhere says so to the one that writes it.
LETTER_SECONDS = 1.0
# For so long after the last such letter the answer counts as read elsewhere.
READ_ELSEWHERE_SECONDS = 3.0
# How long the journal may take to bring what a reader has seen on another worker.
CATCH_UP_SECONDS = 1.0
# For so long the journal may be gone, or come back empty, before those who read from it are cut.
LOST_SECONDS = 10.0

assert 2 * LETTER_SECONDS < READ_ELSEWHERE_SECONDS
assert 2 * BEAT_SECONDS < CATCH_UP_SECONDS
assert ALIVE_SECONDS + IDLE_SECONDS < LOST_SECONDS
