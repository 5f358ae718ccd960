"""gunicorn's master process, which ends and replaces workers without cutting an answer."""

import os
import signal
import subprocess  # nosec B404  # See `_objection`.
import sys
from typing import Any

from gunicorn.arbiter import Arbiter

from relay import metrics_folder

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
# With these the master tells a worker to end.
ORDERS = (*ENDING, signal.SIGHUP)

# How often to look whether the server is told to stop while its settings are tried.
LOOK_SECONDS = 0.1


class Master(Arbiter):  # type: ignore[misc]  # gunicorn ships no types.
    """The master. Its signals distinguish a worker that is replaced from a server that stops.

    SIGTERM to a worker means that the server stops; SIGHUP, that other workers listen at the same
    sockets. A reload that would not end well changes nothing.
    """

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self._is_told_to_stop = self._is_stopping = False
        # Workers that have been told, by their numbers.
        self._replaced: set[int] = set()

    def signal(self, sig: int, frame: Any) -> None:
        self._is_told_to_stop |= sig in ENDING
        super().signal(sig, frame)

    def spawn_worker(self) -> int:
        """Starts a worker, which takes its orders as soon as it has handlers for them.

        Python drops what arrives in a child before `os.fork` has returned there, and then the
        child would have the handlers of the master. So the orders wait until the worker unblocks
        them in `Worker.init_signals`.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ORDERS)
        try:
            pid: int = super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return pid

    def manage_workers(self) -> None:
        """Starts workers that are missing, and ends those that are too many.

        gunicorn counts those that are replaced, which accept no connections any more.
        """
        replaced = sum(each.age in self._replaced for each in self.WORKERS.values())
        if replaced:
            for _ in range(self.num_workers - (len(self.WORKERS) - replaced)):
                self.spawn_worker()
        super().manage_workers()

    def stop(self, graceful: bool = True) -> None:
        self._is_stopping = True
        if self.systemd or self.reexec_pid or self.master_pid:
            # Another server listens at the same sockets, or will. It shall get the connections.
            self.kill_workers(signal.SIGHUP)
        super().stop(graceful)
        # While Python ends, another signal would end the process without its exit status.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def kill_worker(self, pid: int, sig: int) -> None:
        if sig != signal.SIGTERM or self._is_stopping:
            super().kill_worker(pid, sig)
        elif (age := self.WORKERS[pid].age) not in self._replaced:
            # gunicorn would tell it every second.
            self._replaced.add(age)
            super().kill_worker(pid, signal.SIGHUP)

    def reload(self) -> None:
        """SIGHUP: starts workers with the present settings and personas, if they can start.

        gunicorn's own reload waits for the replaced workers, and takes no signal meanwhile.
        """
        objection = self._objection() or self._load_anew()
        if objection:
            self.log.error("Nothing is reloaded, and all goes on as before: %s", objection)
            return
        self.log.reopen_files()
        for _ in range(self.num_workers):
            self.spawn_worker()
        self.manage_workers()

    def _load_anew(self) -> str:
        """Reads gunicorn.conf.py again. Why it cannot be used; "" if it is now in force."""
        kept = self.cfg
        try:
            self.app.reload()
            self.app.cfg.on_reload(self)
        except SystemExit as error:
            self.app.cfg = kept
            return str(error)
        # Answers are kept in a file that is named after the address.
        self.app.cfg.set("bind", kept.bind)
        self.setup(self.app)
        return ""

    def _objection(self) -> str:
        """Why a server could not be started now; "" if it could.

        Another process finds out, with the same arguments: a worker that could not start would take
        the master down.
        """
        command = [sys.executable, "-m", "gunicorn", "--check-config", *sys.argv[1:]]
        # It is no worker, and counts nothing.
        environ = {
            name: value for name, value in os.environ.items() if name != metrics_folder.VARIABLE
        }
        with subprocess.Popen(  # nosec B603  # The command is our own.
            command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as trial:
            errors: str | None = None
            while errors is None:
                try:
                    _, errors = trial.communicate(timeout=LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    if self._is_told_to_stop:
                        trial.kill()
        if trial.returncode == 0:
            return ""
        return (errors.strip().splitlines() or [f"exit status {trial.returncode}"])[-1]
