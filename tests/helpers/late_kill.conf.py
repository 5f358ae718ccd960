"""gunicorn's settings, with a worker that has seconds to end after it has cut its last readers.

The relay leaves it half a second before the master kills it. A machine that stands still for as
long would fail tests of what happens before that. With GRACEFUL_TIMEOUT=9 the answers are cut after
4.5 s, the readers are left after 6 s, and the worker is killed after 9 s.
"""

import runpy

import relay.worker

globals().update(runpy.run_path("gunicorn.conf.py"))
vars(relay.worker).update(CLOSING_SECONDS=5.0, LEAVING_SECONDS=3.0)
