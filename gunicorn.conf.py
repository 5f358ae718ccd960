"""gunicorn's settings. `gunicorn app:app` finds this file by itself."""

import gc
import math
import os
import secrets
import sys
from typing import Any

from gunicorn.app import base

from relay.access import Origins, check_address
from relay.descriptors import max_readers, raise_limit
from relay.journal import default_path
from relay.limits import check_limits
from relay.master import Master
from relay.metrics_folder import allocate_files, close_files, make_folder, remove_folder
from relay.personas import PersonaError, kept_personas
from relay.settings import Settings, SettingsError, in_address, load_environ
from relay.version import version

# All workers call a client by the same name in the log.
_client_key = secrets.token_bytes(16)
# gunicorn has no setting for it.
base.Arbiter = Master

raise_limit()
try:
    # Workers use what is read here, also those that are started later. SIGHUP has it read anew.
    _environ = load_environ()
    _settings = Settings.from_environ(_environ)
    check_limits(_settings)
    kept_personas.cache_clear()
    kept_personas(_settings.persona, _settings.personas_dir, _settings.owner_file)
    max_readers()
except (SettingsError, PersonaError) as error:
    sys.exit(f"askbot: {error}")

bind = f"{in_address(_settings.host)}:{_settings.port}"
workers = _settings.web_concurrency

# A waiting reader costs a greenlet. With the sync worker one reader would block all others; with
# threads a few dozen would. This is gevent's worker, with our refusals of malformed requests.
worker_class = "relay.worker.Worker"

# Above this number connections wait without a reply. The app answers 503 well before that, because
# it limits its connections to the model: see MAX_READERS in relay/descriptors.py.
worker_connections = 8192

# Headers that a client could send must not choose which address a request is for.
forwarder_headers = ""

# The seconds for which an idle connection is kept. Under gevent this is also the only limit on the
# time a client takes to send a request's head, so it must not be 0.
keepalive = 5

# The seconds for which the event loop may stand still. A long answer does not stop it.
timeout = 60

# After these seconds the master kills workers that were told to stop. gunicorn counts in whole
# seconds, and 0 would end running answers at once.
graceful_timeout = math.ceil(_settings.drain_seconds + max(1.0, _settings.graceful_timeout))

# The same as for a header. gunicorn's own limit for an address is half of it.
limit_request_line = 8190

# A worker that is recycled waits for its longest answer. Until then an only worker serves nobody.
max_requests = 0

# The app is loaded in each worker, after gevent has patched the standard library there.
preload_app = False

# gunicorn would put a socket for control commands into the home folder.
control_socket_disable = True

# One form for gunicorn's lines and the relay's.
logger_class = "relay.worker.Log"

# At its debug level gunicorn logs the heads of requests. They contain the ids of answers, and an id
# is all that it takes to read the answer.
loglevel = "info" if _settings.log_level == "DEBUG" else _settings.log_level.lower()


def on_starting(server: Any) -> None:
    """Tells the version, and refuses options that the relay cannot work with."""
    server.log.info("This is Askbot %s", version())
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
    """Looks at the addresses that the server listens on, wherever they were chosen.

    The workers' common state file is named after the first. From now on `on_exit` is called.
    """
    check_addresses(server)
    if not _settings.state_file:
        address = server.LISTENERS[0].sock.getsockname()
        # The address of an IPv6 socket has four parts: host and port are the first two.
        os.environ["STATE_FILE"] = default_path(
            address if isinstance(address, str) else address[:2]
        )
    try:
        make_folder()
    except OSError as error:
        server.log.warning("no folder for the metrics: each worker counts for itself (%s)", error)


def on_reload(server: Any) -> None:
    """Refuses settings with which the server must not listen where it does."""
    check_addresses(server)


def check_addresses(server: Any) -> None:
    for listener in server.LISTENERS:
        address = listener.sock.getsockname()
        try:
            check_address(address if isinstance(address, str) else address[0], _settings)
        except SettingsError as error:
            sys.exit(f"askbot: {error}")


def post_fork(server: Any, worker: Any) -> None:
    """Gives the worker what was read from `.env`, which may have changed since, and its files."""
    del worker
    missing = {name: _environ[name] for name in _environ if not os.environ.get(name, "").strip()}
    os.environ.update(missing, FLASK_SKIP_DOTENV="1")
    try:
        allocate_files(os.getpid())
    except OSError as error:
        server.log.warning("no room for the metrics: this worker counts for itself (%s)", error)


def post_worker_init(worker: Any) -> None:
    """Tells the worker what it needs of the app.

    What is loaded by now is exempted from garbage collection: it stays until the worker ends.
    """
    relay = worker.wsgi.extensions["relay"]
    worker.drain_seconds, worker.send_timeout = _settings.drain_seconds, _settings.send_timeout
    worker.drain, worker.close = relay.store.drain, relay.store.close
    worker.may_read = Origins(_settings.cors_origins).include
    worker.on_refusal = relay.telemetry.refused_by_server
    relay.telemetry.pseudonyms.key = _client_key
    relay.telemetry.pulse.start()
    gc.collect()
    gc.freeze()


def worker_exit(server: Any, worker: Any) -> None:
    """Has the worker write down how its answers ended, in whatever way it ends itself."""
    del server
    worker.wait_until_closed()


def child_exit(server: Any, worker: Any) -> None:
    try:
        close_files(worker.pid)
    except OSError as error:
        # Raised here it would end the server.
        server.log.warning("the metrics of a worker that has ended may be wrong (%s)", error)


def on_exit(server: Any) -> None:
    del server
    remove_folder()
