"""What only PostgreSQL has: an address with a password that nobody sees, rights, and errors with their remedies."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest

from controller.database import postgres_database
from controller.database.database_errors import DatabaseError
from controller.database.postgres_database import PostgresDatabase, check_url, translated

SECRET = "hush/42%"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT :a, :b_2 WHERE x=:a", "SELECT %(a)s, %(b_2)s WHERE x=%(a)s"),
        ("SELECT x::text, '1:2', ':a', 'it''s :b', \"x:y\"", "SELECT x::text, '1:2', ':a', 'it''s :b', \"x:y\""),
        ("SELECT '50%' LIKE :a -- 5% of :b\n, 7 % 2", "SELECT '50%%' LIKE %(a)s -- 5%% of :b\n, 7 %% 2"),
        ("SELECT a[1:2], '12:30:00', /* :x */ :y::int", "SELECT a[1:2], '12:30:00', /* :x */ %(y)s::int"),
    ],
)
def test_only_what_is_a_parameter_becomes_one(sql: str, expected: str) -> None:
    assert translated(sql) == expected


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://letdown@localhost/letdown",
        "postgres://user:p%40ss@[::1]:5433/letdown?sslmode=require",
        "postgresql:///letdown?host=/var/run/postgresql",
        " postgresql://one,two/letdown ",
    ],
)
def test_every_address_of_postgresql_is_one(url: str) -> None:
    assert check_url(url) == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://user:{SECRET}@host/letdown",
        f"postgresql://user:{SECRET}@host/letdown",
        "postgresql://user:hush@host:port/letdown",
        "postgresql://user:hush@host:0/letdown",
        "postgresql://user:hush#@host/letdown",
        "postgresql://user:hu sh@host/letdown",
        "postgresql://user:hush@[::1/letdown",
        "hush",
        "",
    ],
)
def test_what_is_no_address_is_said_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="write postgresql://user:password@") as refused:
        check_url(url)
    assert "hush" not in str(refused.value)


def test_without_its_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_database, "find_spec", lambda _: None)
    assert importlib.util.find_spec("psycopg") is not None
    database = PostgresDatabase(lambda: "postgresql://user:hush@host/letdown")
    with pytest.raises(DatabaseError) as error:
        database.create()
    assert str(error.value) == (
        "the history in the database letdown on host needs an extra; pip install 'letdown[postgres]'"
    )


def refused(url: str) -> DatabaseError:
    """Return why it cannot be used."""
    database = PostgresDatabase(lambda: url)
    with pytest.raises(Exception, match=r".") as error:
        database.create()
    assert isinstance(error.value, Exception)
    return database.explain(error.value)


def test_a_port_on_which_nothing_listens_is_said_at_once() -> None:
    began = time.monotonic()
    error = refused("postgresql://letdown:hush@127.0.0.1:1/letdown")
    assert "the history in the database letdown on 127.0.0.1 cannot be used (" in error.problem
    assert error.remedy == "check that the server runs and can be reached, and history.url"
    assert time.monotonic() - began < 5


@pytest.fixture
def guarded(postgres: object) -> Callable[[str], str]:
    """Return the address of a database for a user who has to give a password."""
    from tests.helpers.postgres import PostgresServer

    assert isinstance(postgres, PostgresServer)
    name = postgres.create_database()
    if not postgres.run("SELECT 1 FROM pg_roles WHERE rolname = 'guarded'"):
        postgres.run(f"CREATE ROLE guarded LOGIN PASSWORD '{SECRET}'")
    postgres.run(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO guarded")
    return lambda password: postgres.url(name, f"guarded:{quote(password, safe='')}")


@pytest.mark.system
def test_a_wrong_password_is_said_and_none_is_shown(guarded: Callable[[str], str]) -> None:
    error = refused(guarded("hush-hush"))
    assert 'password authentication failed for user "guarded"' in error.problem
    assert error.remedy == "check the user and the password in history.url"
    assert "hush" not in str(error)


@pytest.mark.system
def test_a_user_who_may_not_create_tables_is_told_what_to_grant(guarded: Callable[[str], str]) -> None:
    url = guarded(SECRET)
    error = refused(url)
    assert "permission denied for database" in error.problem
    assert error.remedy.startswith("let this user create tables: GRANT CREATE ON DATABASE")
    database = PostgresDatabase(lambda: url)
    with pytest.raises(DatabaseError, match="let this user create tables"):
        database.check_rights()
    database.close()


@pytest.mark.system
def test_a_schema_that_its_owner_created_for_the_user_is_enough(
    guarded: Callable[[str], str], postgres: object
) -> None:
    from tests.helpers.postgres import PostgresServer

    assert isinstance(postgres, PostgresServer)
    url = guarded(SECRET)
    name = url.rpartition("/")[2]
    postgres.run("CREATE SCHEMA letdown AUTHORIZATION guarded", name)
    database = PostgresDatabase(lambda: url)
    database.check_rights()
    database.create()
    with database.writing() as transaction:
        transaction.execute("CREATE TABLE one (id TEXT)", {})
        assert database.tables(transaction) == {"one"}
    database.close()


@pytest.mark.system
def test_a_database_that_does_not_exist_is_said(postgres: object) -> None:
    from tests.helpers.postgres import PostgresServer

    assert isinstance(postgres, PostgresServer)
    error = refused(postgres.url("nowhere"))
    assert 'database "nowhere" does not exist' in error.problem
    assert error.remedy.startswith("create it")


@pytest.mark.system
def test_other_tables_in_the_database_are_left_alone(postgres: object) -> None:
    from controller.database.migrations import migrate
    from controller.history.history_writing import SCHEMA
    from tests.helpers.postgres import PostgresServer

    assert isinstance(postgres, PostgresServer)
    name = postgres.create_database()
    postgres.run("CREATE TABLE session (of TEXT)", name)
    database = PostgresDatabase(lambda: postgres.url(name))
    database.create()
    migrate(database, SCHEMA)
    database.close()
    assert postgres.run("SELECT * FROM public.session", name) == []
    assert postgres.run("SELECT count(*) FROM letdown.session", name) == [(0,)]
