# shellcheck shell=bash
bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1)
port=$(free_port)
as=()
mkdir data
if [ "$(id -u)" = 0 ]; then
	# The server refuses to be root; nobody has nothing else to lose here.
	id postgres >/dev/null 2>&1 && user=postgres || user=nobody
	as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups)
	chown "$user" data .
fi
gated "${as[@]}" "$bin/initdb" -D "$CASE_DIR/data" -A trust -U owner --no-instructions >initdb || fail "initdb: $(tail -n 2 initdb)"
start "${as[@]}" "$bin/postgres" -D "$CASE_DIR/data" -k "$CASE_DIR" -p "$port" -h 127.0.0.1 -c autovacuum_naptime=1 \
	-c min_parallel_table_scan_size=0 -c parallel_setup_cost=0 -c parallel_tuple_cost=0 -c log_min_messages=warning
sql() { "$bin/psql" -XAtq -h "$CASE_DIR" -p "$port" -U owner -v ON_ERROR_STOP=1 postgres "$@"; }
until_true 20 sql -c 'select 1'
gated "$bin/psql" -XAtq -h 127.0.0.1 -p "$port" -U owner -v ON_ERROR_STOP=1 postgres >rows <<'S' || fail "a query failed"
create table t as select i, md5(i::text) h from generate_series(1, 50000) i;
create index on t (h);
select count(*), max(h) from t;
begin; update t set h = 'x' where i % 100 = 0; commit;
vacuum (analyze, parallel 2) t;
checkpoint;
copy t to program 'wc -l';
select setting from pg_settings where name = 'shared_memory_type';
S
grep -q '^50000|ffff' rows || fail "wrong rows: $(cat rows)"
sql -c "explain (analyze) select sum(length(h)) from t" | grep -q 'Workers Launched: [1-9]' || fail "no parallel workers"
sql -c 'create database second template postgres'
kill -INT "$(head -n 1 data/postmaster.pid)"
ended || fail "postgres ended with $?"
echo "$("$bin/postgres" --version | cut -d' ' -f3): initdb, index, parallel query, vacuum, checkpoint, copy to program, second database"
