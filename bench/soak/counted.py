"""`gunicorn bench.soak.counted:app`: the relay's app, in workers that can count their greenlets.

A worker writes the count into a file in SOAK_FOLDER, named after its process: when it can, and
then at each SIGNAL.
"""

import gc
import os
from pathlib import Path

import gevent
from greenlet import greenlet

from app import made_app
from bench.soak.looks import SIGNAL


def tell() -> None:
    # Not `isinstance`: it would ask Werkzeug's proxies for what they stand for.
    living = sum(issubclass(type(each), greenlet) and not each.dead for each in gc.get_objects())
    path = Path(os.environ["SOAK_FOLDER"], str(os.getpid()))
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(str(living))
    unfinished.rename(path)


app = made_app()
gevent.signal_handler(SIGNAL, tell)
tell()
