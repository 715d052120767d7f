"""Servers and poolers of the tests' own, which may be killed; none of them is anybody else's.

They run as a user without privileges, on free ports, and stop with the module that uses them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Account, Chat, MessageEvent, SessionError, SessionHub

psycopg = pytest.importorskip("psycopg")
PASSWORD = "a password: with@signs/of?every&kind"
QUOTED = "a%20password%3A%20with%40signs%2Fof%3Fevery%26kind"
AS_USER: dict[str, Any] = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
INITDB = (
    "--username=bot",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--no-sync",
)
WRITERS = 8


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


class Cluster:
    """A PostgreSQL server of the test's own, which may be killed; it runs as a user without
    privileges.
    """

    def __init__(self, binaries: Path, folder: Path, *, primary: Cluster | None = None) -> None:
        """Make a server, or a standby of another one."""
        self._binaries, self._folder = binaries, folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "password").write_text(PASSWORD)
        if AS_USER:
            for path in (folder, folder / "password"):
                shutil.chown(path, **AS_USER)
        if primary is None:
            self._run("initdb", f"--pwfile={folder / 'password'}", *INITDB)
        else:
            self._run("pg_basebackup", "-R", "--checkpoint=fast", "--no-sync", "-d", primary.url())

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [self._binaries / program, "-D", self._folder / "data", *map(str, arguments)],
            check=True,
            capture_output=True,
            cwd=self._folder,
            **AS_USER,
        )

    def promote(self) -> None:
        """Let a standby become a primary, and wait until it takes writes."""
        self._run("pg_ctl", "promote", "-w")

    def set(self, name: str, value: str) -> None:
        """Make a setting of the server, for all connections."""
        with psycopg.connect(self.url(), autocommit=True) as administrator:
            administrator.execute("SET default_transaction_read_only = off")
            administrator.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            administrator.execute("SELECT pg_reload_conf()")

    def url(self, *, user: str = "bot", password: str = QUOTED, database: str = "postgres") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def with_schema(self, name: str) -> str:
        """Make a schema, and give the URL of it."""
        with psycopg.connect(self.url(), autocommit=True) as administrator:
            administrator.execute(f"CREATE SCHEMA {name}")
        return f"{self.url()}?options=-csearch_path%3D{name}"

    def start(self) -> None:
        """Start it, as soon as what is left of the last time lets go of its memory, and wait until
        it answers.
        """
        settings = [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            f"port={self.port}",
        ]
        while True:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    [self._binaries / "postgres", "-D", self._folder / "data", *settings],
                    cwd=self._folder,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    **AS_USER,
                )
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """As an administrator does it: everybody is thrown out at once."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        self.start()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Pgbouncer:
    """A pooler in front of a server."""

    def __init__(self, program: str, folder: Path, server: Cluster, *, mode: str) -> None:
        self._program, self._folder = program, folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        place = f"host=127.0.0.1 port={server.port} user=bot password='{PASSWORD}'"
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": mode,
            "default_pool_size": 4,
            "server_login_retry": 0.1,
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        text = "\n".join(["[databases]", f"* = {place}", "[pgbouncer]", *lines, ""])
        (folder / "pgbouncer.ini").write_text(text)
        if AS_USER:
            for path in (folder, folder / "pgbouncer.ini"):
                shutil.chown(path, **AS_USER)

    def url(self, schema: str, *, pooler: str = "transaction") -> str:
        return f"postgresql://bot@127.0.0.1:{self.port}/postgres?pooler={pooler}&schema={schema}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "-q", self._folder / "pgbouncer.ini"],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **AS_USER,
        )
        wait_for(self.port)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()


def wait_for(port: int) -> None:
    while True:
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)


def unavailable(what: str) -> None:
    """Skip the test on a laptop, and let it fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@contextmanager
def folder_of(what: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"session_plugin-{what}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    program = found[-1] if found else shutil.which("initdb")
    if program is None:
        unavailable("there is no initdb to make a PostgreSQL cluster with")
    return Path(str(program)).parent


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    programs = binaries()
    with folder_of("cluster") as folder:
        made = Cluster(programs, folder)
        try:
            made.start()
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def standby(cluster: Cluster) -> Iterator[Cluster]:
    """A synchronous standby of the cluster: what is acknowledged is on both."""
    with folder_of("standby") as folder:
        made = Cluster(binaries(), folder, primary=cluster)
        try:
            made.start()
            cluster.set("synchronous_standby_names", "*")
            yield made
        finally:
            made.close()


@contextmanager
def pooling(server: Cluster, *, mode: str) -> Iterator[Pgbouncer]:
    program = os.environ.get("SESSION_TEST_PGBOUNCER") or shutil.which(
        "pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin"
    )
    if program is None:
        unavailable("there is no pgbouncer (apt-get install pgbouncer)")
    with folder_of("pooler") as folder:
        made = Pgbouncer(str(program), folder, server, mode=mode)
        try:
            made.start()
            yield made
        finally:
            made.kill()


@pytest.fixture(scope="module")
def pgbouncer(cluster: Cluster) -> Iterator[Pgbouncer]:
    with pooling(cluster, mode="transaction") as made:
        yield made


@pytest.fixture(scope="module")
def session_pooler(cluster: Cluster) -> Iterator[Pgbouncer]:
    with pooling(cluster, mode="session") as made:
        yield made


@pytest.fixture
def pooling_before() -> Iterator[Callable[[Cluster], Pgbouncer]]:
    """Start a pooler before any server."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(pooling(server, mode="transaction"))


def said(writer: int, text: str, *, message_id: str | None) -> MessageEvent:
    chat, author = Chat("telegram", str(writer)), Account("telegram", str(writer))
    return MessageEvent(
        chat=chat, message_id=message_id, role="user", text=text, sent_at=0.0, author=author
    )


@dataclass
class Traffic:
    """What several writers were answered while something happened to the database."""

    acknowledged: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    longest: float = 0.0
    """Seconds that a caller waited."""
    is_over: bool = False

    async def write(self, hub: SessionHub, writer: int) -> None:
        """Say one thing after the other; half of the writers give ids by which a second copy could
        be known.
        """
        number = 0
        while not self.is_over:
            number += 1
            text = f"{writer}.{number}"
            began_at = time.monotonic()
            try:
                event = said(writer, text, message_id=text if writer % 2 else None)
                is_stored = (await hub.record(event)).is_stored
            except SessionError:
                is_stored = False
            self.longest = max(self.longest, time.monotonic() - began_at)
            (self.acknowledged if is_stored else self.failed).append(text)
            if not is_stored:
                await asyncio.sleep(0.01)

    async def more(self, count: int) -> None:
        before = len(self.acknowledged)
        while len(self.acknowledged) < before + count:
            await asyncio.sleep(0.01)


@pytest.fixture
def traffic() -> Callable[..., Any]:
    """Let events happen to a database under traffic, and check that nothing acknowledged is lost
    and nothing doubled.
    """

    async def let(
        database: str, events: Iterable[Callable[[], None]], *, patience: float = 60.0
    ) -> Traffic:
        seen = Traffic()
        async with SessionHub(
            database, store_patience=patience, load_entry_points=False, secret="s" * 16
        ) as hub:
            writers = [asyncio.create_task(seen.write(hub, writer)) for writer in range(WRITERS)]
            for event in events:
                await seen.more(100)
                await asyncio.to_thread(event)
            await seen.more(50)
            seen.is_over = True
            await asyncio.gather(*writers)

        found = await stored(database)
        assert set(seen.acknowledged) - set(found) == set()
        assert [text for text, times in found.items() if times > 1] == []
        assert set(found) <= set(seen.acknowledged) | set(seen.failed)
        return seen

    return let


async def stored(database: str) -> Counter[str]:
    async with SessionHub(database, load_entry_points=False, secret="s" * 16) as hub:
        found: Counter[str] = Counter()
        for writer in range(WRITERS):
            view = hub.session_of(Chat("telegram", str(writer)), Account("telegram", str(writer)))
            found.update(
                message.content for message in await view.history(limit=None, include_previous=True)
            )
        return found
