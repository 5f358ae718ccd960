"""gunicorn's settings; it finds this file by itself: `gunicorn app:app`."""

import gc
import os
import sys
from typing import Any

from relay.descriptors import max_readers, raise_limit
from relay.journal import default_path
from relay.personas import PersonaError, Personas
from relay.settings import Settings, SettingsError, in_address, load_environ

raise_limit()
try:
    _settings = Settings.from_environ(load_environ())
    # Each worker loads them again; here a mistake is one sentence, there a trace per worker.
    Personas.load(_settings.persona, _settings.personas_dir, _settings.owner_file)
    max_readers()
except (SettingsError, PersonaError) as error:
    sys.exit(f"askbot: {error}")

bind = f"{in_address(_settings.host)}:{_settings.port}"
workers = _settings.web_concurrency

# A waiting reader costs a greenlet. With the sync worker one reader would block all others; with
# threads a few dozen would. This is gevent's, with words of ours for what it cannot read.
worker_class = "relay.worker.Worker"

# Above this number connections wait in silence. The app answers 503 well before: it counts its
# connections to the model, see MAX_READERS in relay/descriptors.py.
worker_connections = 8192

# How many seconds an idle connection is kept, and also how long a client may take to send the head
# of a request: under gevent that is the only limit on it, so never 0. A server told to stop waits
# for idle connections as well, so not long.
keepalive = 5

# The seconds for which the event loop may stand still. A long answer does not stop it.
timeout = 60

# 0 would end running answers at once; gunicorn counts in whole seconds.
graceful_timeout = max(1, round(_settings.graceful_timeout))

# Recycling a worker means waiting for its longest answer, with nobody serving if it is the only
# one.
max_requests = 0

# The app is loaded in each worker, after gevent has patched the standard library there.
preload_app = False

# A socket for control commands would appear in the home folder.
control_socket_disable = True

# At its debug level gunicorn logs the heads of requests, and the id in an address is the capability
# to read an answer.
loglevel = "info" if _settings.log_level == "DEBUG" else _settings.log_level.lower()


def on_starting(server: Any) -> None:
    """The command line wins over this file, so what it must not say is refused here."""
    if (chosen := server.cfg.worker_class_str) != worker_class:
        sys.exit(
            f"askbot: the relay has a worker of its own, made from gevent's; leave out -k {chosen}."
        )
    if server.cfg.preload_app:
        sys.exit(
            "askbot: the app must be loaded in each worker, after gevent has patched the standard "
            "library there; leave out --preload."
        )


def when_ready(server: Any) -> None:
    """The workers of one server share a file that is named after the address it has by now."""
    if not _settings.state_file:
        address = server.LISTENERS[0].sock.getsockname()
        # Of an IPv6 address there are four parts.
        os.environ["STATE_FILE"] = default_path(
            address if isinstance(address, str) else address[:2]
        )


def post_worker_init(worker: Any) -> None:
    """What is loaded by now stays; the garbage collector need not go through it again and again."""
    del worker
    gc.collect()
    gc.freeze()


def worker_exit(server: Any, worker: Any) -> None:
    """Answers are still written that nobody is connected to: their readers may come back."""
    del server
    app = getattr(worker, "wsgi", None)
    # A worker that could not load the app has none.
    if app is not None:
        app.extensions["relay"].store.close(worker.seconds_left)
