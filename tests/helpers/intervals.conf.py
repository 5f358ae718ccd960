"""gunicorn's settings, with other values for some of `relay.intervals`; see `with_intervals`."""

import json
import os
import runpy

import relay.intervals

# Before the modules that take their intervals from there are imported.
vars(relay.intervals).update(json.loads(os.environ["TEST_INTERVALS"]))
globals().update(runpy.run_path("gunicorn.conf.py"))
