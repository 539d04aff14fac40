"""Both engines do the same: transactions, parameters, values; whatever one has to be told, the other is told, too."""

from __future__ import annotations

import enum
import threading
from collections.abc import Iterator

import pytest

from controller.database.database import Database
from tests.helpers.engines import Engine

TABLE = """
CREATE TABLE thing (
    id TEXT PRIMARY KEY, number INTEGER, amount DOUBLE PRECISION, content BYTEA, parent TEXT REFERENCES thing (id)
)
"""
PUT = (
    "INSERT INTO thing (id, number, amount, content) VALUES (:id, :number, :amount, :content) "
    "ON CONFLICT (id) DO UPDATE SET number = excluded.number, amount = excluded.amount, content = excluded.content"
)
NOTHING = {"number": None, "amount": None, "content": None}


@pytest.fixture
def database(engine: Engine) -> Iterator[Database]:
    opened = engine.database()
    opened.create()
    with opened.writing() as transaction:
        transaction.execute(TABLE, {})
    yield opened
    opened.close()


def all_of(database: Database, sql: str = "SELECT * FROM thing ORDER BY id", **parameters: object) -> list[object]:
    with database.reading() as transaction:
        return list(transaction.read(sql, parameters))


class Colour(enum.StrEnum):
    RED = "red"


def test_what_is_read_is_what_was_written(database: Database) -> None:
    row = {"id": "ä 100 % 'quoted' :x ::y \\ \" \n 😀", "number": 7, "amount": 0.1, "content": b"\x00\xff:a%s"}
    with database.writing() as transaction:
        assert transaction.execute(PUT, row) == 1
        assert transaction.execute(PUT, {"id": Colour.RED, "number": True, "amount": 3, "content": None}) == 1
        (read, red) = transaction.read("SELECT id, number, amount, content FROM thing ORDER BY number DESC", {})
    assert read == row
    assert red == {"id": "red", "number": 1, "amount": 3.0, "content": None}


def test_what_looks_like_a_parameter_is_none(database: Database) -> None:
    sql = "SELECT ':id' AS a, '%' AS b, '%(id)s' AS c, CAST(:id AS TEXT) AS \"x:y\" -- :nobody\n/* :nor % this */"
    assert all_of(database, sql, id="it") == [{"a": ":id", "b": "%", "c": "%(id)s", "x:y": "it"}]
    assert all_of(database, "SELECT 7 % 4 AS rest") == [{"rest": 3}]


def test_nothing_may_be_asked_for_without_a_type(database: Database) -> None:
    with database.writing() as transaction:
        transaction.execute(PUT, {"id": "a"} | NOTHING)
    assert len(all_of(database, "SELECT id FROM thing WHERE (:id = '' OR id = :id)", id="")) == 1
    assert (
        len(all_of(database, "SELECT id FROM thing WHERE (:id IS NULL OR id = :id) LIMIT :most", id=None, most=9)) == 1
    )
    assert all_of(database, "SELECT sum(number) AS total, avg(number) AS mean FROM thing") == [
        {"total": None, "mean": None}
    ]


def test_a_sum_is_a_number_that_can_be_counted_with(database: Database) -> None:
    with database.writing() as transaction:
        for number in (1, 2):
            transaction.execute(PUT, {"id": str(number)} | NOTHING | {"number": number, "amount": 0.5})
    query = "SELECT sum(number) AS total, avg(number) AS mean, sum(amount) AS amount, count(*) AS n FROM thing"
    assert all_of(database, query) == [{"total": 3, "mean": 1.5, "amount": 1.0, "n": 2}]
    assert "Decimal" not in repr(all_of(database, query))


def test_an_error_takes_everything_back_and_the_next_transaction_works(database: Database) -> None:
    with pytest.raises(Exception, match="nowhere"), database.writing() as transaction:
        assert transaction.execute(PUT, {"id": "a"} | NOTHING) + transaction.execute("DELETE FROM nowhere", {})
    with database.writing() as transaction:
        transaction.execute(PUT, {"id": "b"} | NOTHING)
    assert [row["id"] for row in all_of(database)] == ["b"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("sql", "refused"),
    [
        ("INSERT INTO thing (id, parent) VALUES ('a', 'nobody')", True),
        ("INSERT INTO thing (id) VALUES ('b'), ('b')", True),
        ("INSERT INTO nowhere (id) VALUES ('a')", True),
        ("INSERTED", True),
    ],
)
def test_a_statement_that_is_refused_is_told_from_a_database_that_does_not_work(
    database: Database, sql: str, refused: bool
) -> None:
    with pytest.raises(Exception, match=r".") as error, database.writing() as transaction:
        transaction.execute(sql, {})
    assert isinstance(error.value, Exception)
    assert database.is_refusal(error.value) is refused
    assert not database.is_refusal(OSError(28, "No space left on device"))


def test_reading_changes_nothing(database: Database) -> None:
    with pytest.raises(Exception, match=r"readonly|read-only"), database.reading() as transaction:
        transaction.execute(PUT, {"id": "a"} | NOTHING)
    assert all_of(database) == []


def test_a_reader_sees_one_state_and_waits_for_no_writer(database: Database) -> None:
    with database.reading() as reader:
        assert reader.read("SELECT * FROM thing", {}) == []
        with database.writing() as writer:
            writer.execute(PUT, {"id": "a"} | NOTHING)
            assert all_of(database) == []
        assert reader.read("SELECT * FROM thing", {}) == []
    assert len(all_of(database)) == 1


def test_writers_take_turns(database: Database) -> None:
    with database.writing() as transaction:
        transaction.execute(PUT, {"id": "a"} | NOTHING | {"number": 0})

    def add() -> None:
        for _ in range(10):
            with database.writing() as transaction:
                transaction.execute("UPDATE thing SET number = number + 1", {})

    threads = [threading.Thread(target=add) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert all_of(database, "SELECT number FROM thing") == [{"number": 40}]


def test_after_a_restart_of_the_server_it_connects_again(database: Database, engine: Engine) -> None:
    for _ in range(2):
        all_of(database)
        with engine.away(), pytest.raises(Exception, match=r"."):
            all_of(database)
    with database.writing() as transaction:
        transaction.execute(PUT, {"id": "a"} | NOTHING)
    assert engine.rows("SELECT id FROM thing") == [("a",)]
