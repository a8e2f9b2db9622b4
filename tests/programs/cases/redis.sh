# shellcheck shell=bash
port=$(free_port)
cli() { redis-cli -p "$port" "$@"; }
start redis-server --port "$port" --bind 127.0.0.1 --unixsocket "$CASE_DIR/socket" --dir "$CASE_DIR" --appendonly yes \
	--io-threads 2 --save '3600 1' --daemonize no
until_true 10 cli ping
[ "$(gated redis-cli -p "$port" set key value)" = OK ] || fail "no set"
[ "$(gated redis-cli -s "$CASE_DIR/socket" get key)" = value ] || fail "no get"
seq 5000 | sed 's/.*/SET k& v&/' | gated redis-cli -p "$port" --pipe | grep -q 'errors: 0' || fail "no pipe"
[ "$(cli eval 'return redis.call("dbsize")' 0)" = 5001 ] || fail "keys are missing"
cli bgsave >/dev/null
until_true 10 bash -c "redis-cli -p $port info persistence | grep -q 'rdb_bgsave_in_progress:0'"
cli info persistence | grep -q 'rdb_last_bgsave_status:ok' || fail "background save failed"
cli bgrewriteaof >/dev/null
until_true 10 bash -c "redis-cli -p $port info persistence | grep -q 'aof_rewrite_in_progress:0'"
cli shutdown
ended || fail "redis-server ended with $?"
[ -s dump.rdb ] || fail "no dump"
echo "$(redis-server --version | sed 's/.* v=\([^ ]*\).*/\1/'): set, get, 5000 keys by pipe, script, background save and rewrite"
