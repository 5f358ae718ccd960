"""`python -m bench.parts`: what the parts beside the relay cost, in CPU time of their own.

400 readers read 50 tokens a second each: from a relay that writes all answers down in a Redis, and
from one with an nginx before it. The figures are for the arithmetic in docs/scaling.md.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from redis import Redis

from bench.answer import Answer
from bench.load.plan import Plan
from bench.peers import ASKBOT
from bench.process import Failed, Process, free_port
from bench.scenarios import whole
from bench.stage import Cores, Run, Stage, staged
from bench.table import markdown, three_digits

READERS = 400
SECONDS = 10
TOKENS_PER_SECOND = 50
PLAN = Plan(
    port=0,
    readers=READERS,
    answer=Answer(SECONDS * TOKENS_PER_SECOND, tokens_per_second=TOKENS_PER_SECOND),
    ramp_seconds=2,
    limit_seconds=SECONDS + 30,
)
NGINX = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://127.0.0.1:{relay};
            proxy_http_version 1.1;
        }}
    }}
}}
"""


def main() -> None:
    """Measure both."""
    cores = Cores.available()
    print(markdown(["", ""], [*redis_rows(cores), *nginx_rows(cores)]))


def redis_rows(cores: Cores) -> Iterator[list[str]]:
    """What a Redis with `appendonly yes` does for the answers of one worker."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        command = [program("redis-server"), *options, "--appendonly", "yes"]
        with running(command, cores.others, port) as server:
            settings = ASKBOT.environ | {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
            with staged(replace(ASKBOT, environ=settings), cores) as stage:
                client = Redis(port=port)
                before, cpu_before = counts(client), server.cpu_seconds()
                run = whole(stage.run(replace(PLAN, keyed=True)))
                after, cpu = counts(client), server.cpu_seconds() - cpu_before
    grown = {name: after[name] - before[name] for name in before}
    of_answer = READERS * SECONDS
    yield ["Relay CPU a token, us", three_digits(per_token(run))]
    yield ["Scripts a second", three_digits(grown["scripts"] / run.outcome.seconds)]
    yield ["Redis CPU a running answer and second, us", three_digits(cpu / of_answer * 1e6)]
    yield ["Bytes to Redis a running answer and second", three_digits(grown["bytes"] / of_answer)]
    yield ["Memory an ended answer of 8 KB, KB", three_digits(grown["memory"] / READERS / 1024)]


def nginx_rows(cores: Cores) -> Iterator[list[str]]:
    """What an nginx before the relay does, without TLS."""
    with tempfile.TemporaryDirectory() as folder, staged(ASKBOT, cores) as stage:
        port = free_port()
        file = Path(folder, "nginx.conf")
        file.write_text(NGINX.format(port=port, relay=stage.port))
        command = [program("nginx"), "-p", folder, "-c", str(file)]
        with running(command, cores.others, port) as server:
            proxied: Stage = replace(stage, port=port)
            idle, cpu_before = server.memory_kilobytes(), server.cpu_seconds()
            whole(proxied.run(PLAN))
            cpu = server.cpu_seconds() - cpu_before
            grown = server.memory_kilobytes() - idle
    yield ["nginx CPU a reader and second, us", three_digits(cpu / READERS / SECONDS * 1e6)]
    yield ["nginx memory after it, KB a reader", three_digits(grown / READERS)]


def counts(client: Redis) -> dict[str, int]:
    found = client.info("all")
    assert isinstance(found, dict)
    scripts = sum(found[name]["calls"] for name in found if name.startswith("cmdstat_evalsha"))
    return {
        "scripts": scripts,
        "bytes": found["total_net_input_bytes"],
        "memory": found["used_memory"],
    }


def per_token(run: Run) -> float:
    return run.relay_cpu_seconds / run.outcome.tokens * 1e6


def program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise Failed(f"there is no {name} here: install Debian's package")
    return found


@contextmanager
def running(command: list[str], core: int, port: int) -> Iterator[Process]:
    with (
        tempfile.TemporaryFile() as log,
        Process(command, core=core, environ=os.environ, cwd=Path("/"), log=log) as process,
    ):
        process.wait_for_port(port)
        yield process


if __name__ == "__main__":
    main()
