"""PostgreSQL and MariaDB as real servers: read-only by the server, streamed, exact values, secrets never shown."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, SourceError
from fittingroom.sources import check_source, open_source
from sources import servers
from sources.reading import read, source
from sources.servers import PASSWORD, Server

pytestmark = pytest.mark.slow

POSTGRES_ROWS = """
create schema hidden;
create table hidden.salaries (id int, note text);
create schema archive;
create table archive.old (id int);
insert into archive.old values (1);
create table reviews (id bigint primary key, code text, review text, stars numeric(4,2), ratio float8, ok boolean,
  at timestamptz, day date, raw bytea, meta jsonb, tags text[]);
insert into reviews values
  (123456789012345678, '00123', '很好,不退 “😀”', 4.50, 0.1, true, '2024-01-31 20:00:00+08', '2024-01-31',
   '\\x61ff00ff', '{"big": 12345678901234567890, "a": [1]}', '{x,"y z"}'),
  (2, 'NA', null, null, null, false, null, null, 'plain', null, null);
create view "odd name" as select id from reviews;
create table lines (id int, text text);
insert into lines select n, 'row ' || n || repeat(' x', 100) from generate_series(1, 40000) n;
create function sneaky() returns int language plpgsql as $$ begin delete from lines; return 1; end $$;
create function quoting() returns int language sql as $$ select 'x13812345678'::text::int $$;
grant usage on schema public, archive to reader;
grant select, insert, delete, update on all tables in schema public to reader;
grant select on all tables in schema archive to reader;
"""
MARIADB_ROWS = """
create table reviews (id bigint unsigned primary key, code varchar(20), review text, stars decimal(4,2), ratio double,
  ok boolean, bits bit(8), at timestamp null, day date, raw blob, meta json);
set time_zone = '+08:00';
insert into reviews values
  (12345678901234567890, '00123', '很好,不退 “😀”', 4.50, 0.1, true, b'00000101', '2024-01-31 20:00:00', '2024-01-31',
   x'61ff00ff', '{"big": 12345678901234567890, "a": [1]}'),
  (2, 'NA', null, null, null, false, null, null, null, 'plain', null);
create view `odd name` as select id from reviews;
create table `lines` (id int, text text);
insert into `lines` select seq, concat('row ', seq, repeat(' x', 100)) from seq_1_to_40000;
create table plain_file (id int) engine=Aria;
insert into plain_file values (1);
delimiter //
create function sneaky() returns int begin delete from plain_file; return 1; end//
create procedure sly() begin commit; start transaction read write; delete from `lines`; commit; select 1 as x; end//
delimiter ;
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with servers.postgres() as server:
        server.sql(POSTGRES_ROWS)
        yield server


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Server]:
    with servers.mariadb() as server:
        server.sql(MARIADB_ROWS)
        yield server


@pytest.fixture(params=["postgres", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)


def kept(server: Server, context: Context) -> int:
    rows, _ = read(source(kind="sql", url=server.url, query="select count(*) as n from lines" if "postgres" in server.url else "select count(*) as n from `lines`"), context)  # noqa: E501 # fmt: skip
    return int(rows[0]["n"] or 0)


def test_postgres_values(postgres: Server, context: Context) -> None:
    rows, rejected = read(source(kind="sql", url=postgres.url, query="select * from reviews order by id desc"), context)
    assert rows[0] == {
        "id": "2", "code": "NA", "review": None, "stars": None, "ratio": None, "ok": "false", "at": None, "day": None,
        "raw": "plain", "meta": None, "tags": None,
    }  # fmt: skip
    assert [(line, reason) for line, reason, _ in rejected] == [(1, "bytes that are no text in column raw")]
    (row,), _ = read(
        source(kind="sql", url=postgres.url, query="select id, code, review, stars, ratio, ok, at, day, meta, tags from reviews where id > 2;"), context  # noqa: E501
    )  # fmt: skip
    assert row == {
        "id": "123456789012345678", "code": "00123", "review": "很好,不退 “😀”", "stars": "4.50", "ratio": "0.1",
        "ok": "true", "at": "2024-01-31 12:00:00+00", "day": "2024-01-31",
        "meta": '{"a": [1], "big": 12345678901234567890}', "tags": '{x,"y z"}',
    }  # fmt: skip


def test_mariadb_values(mariadb: Server, context: Context) -> None:
    rows, rejected = read(source(kind="sql", url=mariadb.url, query="select * from reviews order by id"), context)
    assert rows == [{
        "id": "2", "code": "NA", "review": None, "stars": None, "ratio": None, "ok": "0", "bits": None, "at": None,
        "day": None, "raw": "plain", "meta": None,
    }]  # fmt: skip
    assert [(line, reason) for line, reason, _ in rejected] == [(2, "bytes that are no text in column raw")]
    config = source(
        kind="sql", url=mariadb.url.replace("mysql:", "mariadb:"),
        query="select id, code, review, stars, ratio, ok, bits, at, day, meta from reviews where id > 2;",
    )  # fmt: skip
    assert read(config, context)[0] == [{
        "id": "12345678901234567890", "code": "00123", "review": "很好,不退 “😀”", "stars": "4.50", "ratio": "0.1",
        "ok": "1", "bits": "5", "at": "2024-01-31 12:00:00", "day": "2024-01-31",
        "meta": '{"big": 12345678901234567890, "a": [1]}',
    }]  # fmt: skip


def test_tables_and_fingerprints(server: Server, context: Context) -> None:
    assert len(read(source(kind="sql", url=server.url, table="odd name"), context)[0]) == 2
    up = source(kind="sql", url=server.url, query="select id, code from reviews order by id", key="id")
    down = source(kind="sql", url=server.url, query="select id, code from reviews order by id desc", key="id")
    first = open_source(up).fingerprint(up, context)
    assert open_source(down).fingerprint(down, context) == first
    server.sql("update reviews set code = '0124' where id > 2")
    assert open_source(up).fingerprint(up, context) != first
    server.sql("update reviews set code = '00123' where id > 2")
    assert open_source(up).fingerprint(up, context) == first
    assert open_source(up).size(up, context) >= 1


def test_tables_outside_the_search_path(postgres: Server, context: Context) -> None:
    assert read(source(kind="sql", url=postgres.url, table="archive.old"), context)[0] == [{"id": "1"}]
    with pytest.raises(SourceError, match=r"no table 'hidden.salaries'; there are: archive.old, lines, odd name"):
        check_source(source(kind="sql", url=postgres.url, table="hidden.salaries"), context)


def test_rows_are_streamed(server: Server, context: Context) -> None:
    config = source(kind="sql", url=server.url, table="lines")
    batches = open_source(config).read(config, context, lambda *found: pytest.fail(str(found)))
    tracemalloc.start()
    total = sum(batch.num_rows for batch in batches)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 40_000
    assert peak < 12_000_000, "40,000 rows of 200 characters, held at once, would take far more"
    half = open_source(config).read(config, context, lambda *found: None)
    next(half)
    half.close()  # closing half-way reads no further and leaves no error behind


POSTGRES_WRITES = [
    "delete from lines",
    "with gone as (delete from lines returning id) select * from gone",
    "select sneaky()",
    "select 1 as x; delete from lines",
    "select 1 as x; commit; delete from lines",
    "commit",
    "select set_config('transaction_read_only', 'off', false)",
    "select id into copied from lines",
    "create table t (x int)",
    "copy lines to '/tmp/fr-lines'",
    "do $$ begin delete from lines; end $$",
]
MARIADB_WRITES = [
    "delete from `lines`",
    "select sneaky()",
    "call sly()",
    "select 1 as x; delete from `lines`",
    "drop table `lines`",
    "truncate table `lines`",
    "create table t (x int)",
    "select id from `lines` into outfile '/tmp/fr-lines'",
    "select 1) as q; delete from `lines` where id in (select 1",
    "start transaction read write",
    "commit",
    "set session transaction read write",
    "lock tables `lines` write",
]


@pytest.mark.parametrize("query", POSTGRES_WRITES)
def test_postgres_refuses_to_write(postgres: Server, context: Context, query: str) -> None:
    refused(postgres, context, query)


@pytest.mark.parametrize("query", MARIADB_WRITES)
def test_mariadb_refuses_to_write(mariadb: Server, context: Context, query: str) -> None:
    refused(mariadb, context, query)
    assert len(read(source(kind="sql", url=mariadb.url, table="plain_file"), context)[0]) == 1


def refused(server: Server, context: Context, query: str) -> None:
    with pytest.raises(SourceError, match=r"only reads|reading stopped") as caught:
        read(source(kind="sql", url=server.url, query=query), context)
    assert PASSWORD not in str(caught.value)
    assert caught.value.zh
    assert kept(server, context) == 40_000


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"table": "order"}, "no table 'order'; there are: "),
        ({"query": "select nothing_like_it from reviews"}, "nothing_like_it"),
        ({"query": "selec 1"}, "only reads"),
        ({"query": "select id, id from reviews"}, "twice|only reads"),
    ],
)
def test_bad_queries(server: Server, context: Context, values: dict[str, str], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        check_source(source(kind="sql", url=server.url, **values), context)


def test_messages_quote_no_value(postgres: Server, context: Context) -> None:
    with pytest.raises(SourceError) as caught:
        read(source(kind="sql", url=postgres.url, query="select quoting()"), context)
    assert "13812345678" not in caught.value.text("en") + caught.value.text("zh")
    assert "22P02" in caught.value.en


def test_who_cannot_come_in(server: Server, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    config = source(kind="sql", url=server.url, table="lines")
    elsewhere = config.model_copy(update={"url": server.url.replace(str(server.port), "1")})
    nowhere = config.model_copy(update={"url": server.url.replace("/shop", "/nothing")})
    secured = config.model_copy(update={"url": server.url + "?sslmode=verify-full"})
    monkeypatch.setenv("SHOP_PASSWORD", "wrong-password")
    for wrong in (config, elsewhere, nowhere, secured):
        with pytest.raises(SourceError, match="cannot be opened") as caught:
            check_source(wrong, context)
        told = caught.value.text("en") + caught.value.text("zh")
        assert "wrong-password" not in told
        assert "${SHOP_PASSWORD}" in told
    monkeypatch.delenv("SHOP_PASSWORD")
    with pytest.raises(RecipeError, match="SHOP_PASSWORD is not set"):
        check_source(config, context)


def test_the_whole_url_from_the_environment(server: Server, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DB", server.url.replace("${SHOP_PASSWORD}", quote(PASSWORD, safe="")))
    assert len(read(source(kind="sql", url="${SHOP_DB}", table="odd name"), context)[0]) == 2
    with pytest.raises(SourceError) as caught:
        check_source(source(kind="sql", url="${SHOP_DB}", table="nothing"), context)
    assert caught.value.place == "${SHOP_DB}"


def test_a_connection_lost_half_way_is_an_error(server: Server, context: Context) -> None:
    config = source(kind="sql", url=server.url, table="lines")
    batches = open_source(config).read(config, context, lambda *found: None)
    next(batches)
    if "postgres" in server.url:
        server.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reader'")
    else:
        server.sql("kill user reader")
    with pytest.raises(SourceError, match=r"reading stopped .*run it again"):
        list(batches)
