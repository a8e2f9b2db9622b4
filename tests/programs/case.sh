# Runs cases/NAME.sh; started by run, which has the limits, the directory (CASE_DIR) and the mark of what it starts.
# A case says on its last line what it did. Exit status 77: it cannot be done here, and the last line says why.
# shellcheck shell=bash
set -euo pipefail
cd "$CASE_DIR"

# The profile and docker's capabilities, on the host's files and network: what is tested here is the profile.
# The state is beside the directory: a case may give that to another user, and such a state directory is refused.
plain=(--state-dir="$CASE_DIR.state" --rm --isolation=linux/seccomp,linux/capabilities)

# gated COMMAND...: under the profile. Standard error goes to a file: the report of refused calls is in it, too.
gated()
{
	"$CALLGATE" run "${plain[@]}" --profile="$CALLGATE_PROFILE" --log -- "$@" 2>>"$CASE_DIR/stderr"
}

# start COMMAND...: the same, beside the case; $server is the process of callgate itself.
start()
{
	(exec "$CALLGATE" run "${plain[@]}" --profile="$CALLGATE_PROFILE" --log -- "$@" >>"$CASE_DIR/server" 2>>"$CASE_DIR/stderr") &
	server=$!
}

# ended: waits for what start started; its exit status.
ended()
{
	local status=0
	wait "$server" || status=$?
	server=
	return "$status"
}

fail()
{
	printf '%s\n' "$*"
	exit 1
}

cannot()
{
	printf '%s\n' "$*"
	exit 77
}

# The next port of loopback that nobody answers on.
free_port()
{
	local port
	while :; do
		port=$((20000 + RANDOM % 12000))
		(exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s' "$port"; return; }
	done
}

# until_true SECONDS COMMAND...: asks until it holds.
until_true()
{
	local tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		[ -z "${server:-}" ] || kill -0 "$server" 2>/dev/null || fail "the server ended: $(tail -n 3 "$CASE_DIR/stderr" "$CASE_DIR/server")"
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "still not true: $*"
		sleep 0.05
	done
}

listens() # PORT
{
	(exec 9<>"/dev/tcp/127.0.0.1/$1")
}

# get PORT PATH: a page by HTTP, headers and all, without another program.
get()
{
	local fd
	exec {fd}<>"/dev/tcp/127.0.0.1/$1"
	printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&"$fd"
	timeout 10 cat <&"$fd"
	exec {fd}>&-
}

server=
trap '[ -z "$server" ] || kill -TERM "$server" 2>/dev/null || true' EXIT
# shellcheck source=/dev/null
. "$CASES/$1.sh"
