"""Times that depend on one another, side by side. Those that an operator sets are in `Settings`."""

from relay.settings import Settings

# Common hosts answer for a server that is silent for so long, with a page that is not JSON.
HOST_SECONDS = 30.0

# Once the model has said why it ended, the text is whole: what may follow is the usage.
TAIL_SECONDS = 2.0

_default = Settings()
assert _default.connect_timeout < _default.first_text_timeout < HOST_SECONDS
assert TAIL_SECONDS < _default.idle_timeout < _default.answer_timeout
assert _default.first_text_timeout < _default.answer_timeout
