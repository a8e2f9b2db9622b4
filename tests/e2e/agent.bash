# For .bats files that talk to an agent of their own: `load agent` behind `load helper`. Everything is below $dir: the state, the
# shellcheck disable=SC2154,SC2120 # callgate and dir: helper.bash
# socket, the profiles (default.json is written there by the agent itself).

# agent_start [FLAG...]: an agent whose API answers; its process id in $agent, what it says in $dir/agent.log.
agent_start()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	command -v curl >/dev/null || skip "needs curl"
	[ -x "${callgate%/*}/callgate-front" ] || skip "there is no callgate-front beside $callgate"
	chmod 711 "$dir" # the front has an id of its own
	mkdir -p "$dir/profiles"
	"$callgate" agent --listen "unix://$dir/run/agent.sock" --state-dir "$dir/state" --seccomp_config_dir="$dir/profiles" \
		--seccomp_profile_name=default.json "$@" >>"$dir/agent.log" 2>&1 </dev/null 3>&- 4>&- &
	agent=$!
	for _ in $(seq 300); do
		kill -0 "$agent" 2>/dev/null || return 1
		api GET /health && [ "$code" = 200 ] && recovered && return
		sleep 0.05
	done
	cat "$dir/agent.log"
	return 1
}

# agent_refuses [FLAG...]: one that must end by itself; what it says in $stderr, its status in $status.
agent_refuses()
{
	separately timeout 30 "$callgate" agent --listen "unix://$dir/run2/agent.sock" --state-dir "$dir/state" \
		--seccomp_config_dir="$dir/profiles" --seccomp_profile_name=default.json "$@"
	[ "$status" != 0 ] && [ "$status" != 124 ] && return
	printf 'exit status %s\n%s\n' "$status" "$stderr"
	return 1
}

# The inventory has come: until then every other call is answered with 503.
recovered()
{
	api GET /v1/jobs && [ "$code" = 200 ]
}

# agent_end [SIGNAL]: the agent is gone; its tasks go on.
agent_end()
{
	[ -n "${agent:-}" ] || return 0
	kill "-${1:-TERM}" "$agent" 2>/dev/null || true
	wait "$agent" 2>/dev/null || true
	agent=
	return 0
}

# The processes of the agent by what they are: "front" or "launcher".
agent_child()
{
	local pid
	for pid in $(cat "/proc/$agent/task/$agent/children"); do
		case $(tr '\0' ' ' <"/proc/$pid/cmdline") in
		*callgate-front*) [ "$1" = front ] && echo "$pid" ;;
		*) [ "$1" = launcher ] && echo "$pid" ;;
		esac
	done
	return 0
}

# api METHOD PATH [BODY]: $code and $body.
api()
{
	local data=()
	[ $# -lt 3 ] || data=(--data-binary "$3")
	code=$(curl -s -o "$dir/.body" -w '%{http_code}' --max-time 20 --unix-socket "$dir/run/agent.sock" -X "$1" \
		-H 'Content-Type: application/json' "${data[@]}" "http://localhost$2" 2>/dev/null) || { code=000; }
	body=$(cat "$dir/.body" 2>/dev/null)
	return 0
}

# answers CODE [TEXT]: what the last `api` got.
answers()
{
	[ "$code" = "$1" ] && [[ $body == *"${2:-}"* ]] && return
	printf 'HTTP %s, not %s with %s\n%s\n' "$code" "$1" "${2:-}" "$body"
	cat "$dir/agent.log"
	return 1
}

# database SQL...: statements on the agent's database while no agent runs; what they select, a line each.
database()
{
	python3 - "$dir/state/front/agent.db" "$@" <<-'EOF'
	import sqlite3
	import sys
	db = sqlite3.connect(sys.argv[1])
	for sql in sys.argv[2:]:
	    for row in db.execute(sql):
	        print(*row)
	db.commit()
	db.close()
	EOF
}

# until_api PATH TEXT [SECONDS]: GET has it in a while.
until_api()
{
	local end=$((SECONDS + ${3:-20}))
	while [ $SECONDS -lt $end ]; do
		api GET "$1"
		[[ $code = 200 && $body == *"$2"* ]] && return
		sleep 0.05
	done
	printf 'GET %s never had %s\nHTTP %s %s\n' "$1" "$2" "$code" "$body"
	cat "$dir/agent.log"
	return 1
}

teardown()
{
	cd / || return
	agent_end
	if [ -d "$dir/state/tasks" ]; then
		"$callgate" ps -aq --state-dir "$dir/state/tasks" 2>/dev/null | while read -r id; do
			"$callgate" rm -f --state-dir "$dir/state/tasks" "$id" >/dev/null 2>&1
		done
	fi
	mountpoint -q "$dir/state" && umount -l "$dir/state"
	rm -rf "$dir"
}
