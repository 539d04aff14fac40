"""A PostgreSQL server of the tests' own: on a free port, in a folder that is deleted, and as fast as it can be.

It can be killed, started again, and frozen. It does not run as root, so root starts it as another user.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg

from controller.database.postgres_database import PostgresDatabase
from tests.helpers.mosquitto import free_port

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # Debian keeps them out of PATH
_QUICK = ("fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=16MB")
_SECONDS = 30

# One user has to give a password; the others need none.
_LOGINS = """
host all guarded 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host all all 10.77.0.0/16 trust
"""


def _program(name: str) -> str:
    """Return the path of a program of PostgreSQL; a missing one is a failure."""
    path = os.pathsep.join([*(str(each) for each in reversed(_BINARIES)), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    assert found is not None, f"{name} is missing: run tests/system/install"
    return found


def _account() -> str | None:
    """Return the user that the server runs as; `None`: this one."""
    if os.geteuid() != 0:
        return None
    users = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


class PostgresServer:
    """A server, with databases for one test each."""

    def __init__(self, folder: Path, host: str = "127.0.0.1", connections: int = 40) -> None:
        self._folder = folder
        self._connections = connections
        self._user = _account()
        self.host = host
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str, login: str = "letdown") -> str:
        return f"postgresql://{login}@{self.host}:{self.port}/{database}"

    def initialize(self) -> None:
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        options = ("--username=letdown", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        command = (_program("initdb"), "-D", str(self._folder / "data"), *options)
        subprocess.run(command, check=True, capture_output=True, user=self._user, cwd=self._folder)
        (self._folder / "data/pg_hba.conf").write_text(_LOGINS)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = (f"listen_addresses={self.host}", "unix_socket_directories=", f"port={self.port}", *_QUICK)
        settings += (f"max_connections={self._connections}",)
        command = [_program("postgres"), "-D", str(self._folder / "data")]
        for each in settings:
            command += ["-c", each]
        deadline = time.monotonic() + _SECONDS
        with (self._folder / "log").open("ab") as log:
            while True:
                if self._process is None or self._process.poll() is not None:  # what was killed may still hold memory
                    self._process = subprocess.Popen(
                        command, stdout=log, stderr=log, user=self._user, cwd=self._folder, start_new_session=True
                    )
                with contextlib.suppress(psycopg.OperationalError):
                    self.run("SELECT 1")
                    return
                assert time.monotonic() < deadline, (self._folder / "log").read_text()
                time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        children = self._children()
        self._process.kill()
        self._process.wait()
        for each in children:  # they would end by themselves a little later
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it take connections, and answer nothing, for the block."""
        assert self._process is not None
        stopped = [self._process.pid, *self._children()]
        for each in stopped:
            os.kill(each, signal.SIGSTOP)
        try:
            yield
        finally:
            for each in stopped:
                os.kill(each, signal.SIGCONT)

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def process_id(self) -> int:
        """Of the process that has all others."""
        assert self._process is not None
        return self._process.pid

    def create_database(self) -> str:
        """Create an empty database; return its name."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.run(f"CREATE DATABASE {name}")
        return name

    def run(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def _children(self) -> list[int]:
        assert self._process is not None
        found = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [int(each) for each in found.split()]


class PostgresEngine:
    """A database on a server of the tests' own."""

    def __init__(self, server: PostgresServer, path: Path) -> None:
        self.server = server
        self.path = path
        self.name = server.create_database()
        server.run(f"ALTER DATABASE {self.name} SET search_path = letdown")  # for `rows` and `run`

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    def database(self) -> PostgresDatabase:
        return PostgresDatabase(lambda: self.url)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self.server.run(sql, self.name)

    def run(self, sql: str) -> None:
        self.server.run(sql, self.name)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        self.server.kill()
        yield
        self.server.start()

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        with self.server.frozen():
            yield


@contextlib.contextmanager
def postgres_server(host: str = "127.0.0.1", connections: int = 40) -> Iterator[PostgresServer]:
    """Run a server for the block, at an address of this machine, or of the network that a test makes (10.77).

    `connections`: so many at most.
    """
    folder = Path(tempfile.mkdtemp(prefix="letdown-postgres-"))
    folder.chmod(0o755)  # pytest's own folders are closed to the user that it runs as
    server = PostgresServer(folder, host, connections)
    try:
        server.initialize()
        server.start()
        yield server
    finally:
        if server.runs:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)
