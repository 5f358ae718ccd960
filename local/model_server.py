"""The embedded model's own process: llama.cpp's OpenAI-compatible server on 127.0.0.1.

Run by `start_model`, which writes the API key as the first line of standard input and
keeps that pipe open as long as the process is to live. One line of JSON on standard output
answers: `{"address", "name"}` when the model is ready, or `{"error"}`.
"""

import hashlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from local.fetch import LIBRARY, NAME, WEIGHTS_SHA256, LocalModelError, weights_path


def serve(local_model: str) -> NoReturn:
    """Serves the GGUF file `local_model`, or the embedded model, until the parent ends."""
    api_key = sys.stdin.readline().strip()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Standard output is for one line to the parent. Output of the libraries goes elsewhere.
    parent = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        path = _checked_weights(local_model)
        name = path.stem if local_model else NAME
        server = _load(path, name, api_key)
    except LocalModelError as error:
        print(json.dumps({"error": str(error)}), file=parent, flush=True)
        sys.exit(1)
    # llama.cpp catches these and then goes on without its server.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    report = {"address": server.listening_address, "name": name}
    print(json.dumps(report), file=parent, flush=True)
    while True:
        signal.pause()


def _end_with_parent() -> None:
    """Ends the process when the pipe from the parent closes, however the parent ended."""
    sys.stdin.read()
    os._exit(0)


def _checked_weights(local_model: str) -> Path:
    if local_model:
        return _checked_choice(Path(local_model).expanduser())
    path = weights_path()
    if not path.is_file():
        raise LocalModelError("The model is not there yet: run `python -m local.fetch`.")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != WEIGHTS_SHA256:
            raise LocalModelError(f"{path} is damaged: delete it, and it will be fetched again.")
    return path


def _checked_choice(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise LocalModelError(f"LOCAL_MODEL cannot be read: {path} ({error.strerror}).") from error
    if magic != b"GGUF":
        raise LocalModelError(f"LOCAL_MODEL must be a model in the GGUF format, not {path}.")
    return path


def _load(path: Path, name: str, api_key: str) -> Any:
    # The library reads this when it is loaded. Its threads must sleep while they wait for each
    # other, because spinning would take the cores from the relay and the browser.
    os.environ["OMP_WAIT_POLICY"] = "passive"
    try:
        import xllamacpp
    except ModuleNotFoundError as error:
        raise LocalModelError(
            f"{LIBRARY} is not installed: run `python -m local.fetch`."
        ) from error
    except ImportError as error:
        if "libgomp" in str(error):
            raise LocalModelError(
                "The model needs the OpenMP library: install Debian's package libgomp1."
            ) from error
        raise LocalModelError(f"{LIBRARY} cannot be loaded: {error}.") from error
    try:
        return xllamacpp.Server(_configure(xllamacpp.CommonParams(), path, name, api_key))
    except Exception as error:
        raise LocalModelError(
            f"llama.cpp cannot load {path}: it is damaged, of an unknown kind, or too large here."
        ) from error


def _configure(params: Any, path: Path, name: str, api_key: str) -> Any:
    params.model.path = str(path)
    params.model_alias = {name}
    params.verbosity = 1  # Errors only: at other levels llama.cpp logs questions.
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    # Every program and, through a browser, every web page on this machine can reach the port.
    params.api_keys = [api_key]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = False
    # Four answers at a time, each with a quarter of the context: 8192 tokens hold a persona, a
    # conversation and a long answer, and all of it takes 400 MB. In one pool for all four, the
    # question that fills it would cut off the others' answers too.
    params.n_parallel = 4
    params.n_ctx = 4 * 8192
    params.kv_unified = False
    # A question whose reader left is worked on to the end of its batch: small ones end soon.
    params.n_batch = params.n_ubatch = 256
    # An open connection holds a thread, also while it waits for its turn. The default is about
    # one a core, after which not even /health is answered.
    params.n_threads_http = 64
    # A question in the queue gets a comment line now and then, so that nobody thinks it is dead.
    params.sse_ping_interval = 10
    # Old prompts are kept for their next question; the default may grow to 8 GB.
    params.cache_ram_mib = 256
    # A model this small strays early, so it takes fewer chances than a large one would.
    params.sampling.temp = 0.3
    params.sampling.top_k = 20
    params.sampling.top_p = 0.8
    params.sampling.penalty_repeat = 1.05
    return params


if __name__ == "__main__":
    serve(sys.argv[1])
