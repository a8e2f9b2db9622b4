# For .bats files that ask an agent of their own over the operator API: `load operator` behind `load helper`. State, profiles and
# socket are in $dir; what its configuration file says is the test's.
# shellcheck disable=SC2154,SC2174 # callgate and dir: helper.bash; one level each

# agent_start [FLAG...]: runs when its health is good. $agent is its process.
agent_start()
{
	mkdir -p -m 0711 "$dir/run"
	mkdir -p -m 0755 "$dir/profiles"
	chmod 0711 "$dir"
	"$callgate" agent --config="$(agent_config)" --state-dir="$dir/state" --listen="unix://$dir/run/agent.sock" \
		--seccomp_config_dir="$dir/profiles" "$@" >"$dir/agent.log" 2>&1 </dev/null 3>&- &
	agent=$!
	for _ in {1..200}; do
		[ "$(get /metrics/snapshot | jq -r '."slave/registered"' 2>/dev/null)" = 1 ] && return
		kill -0 "$agent" 2>/dev/null || break
		sleep 0.1
	done
	cat "$dir/agent.log"
	return 1
}

# An empty file, so that the host's own configuration says nothing here.
agent_config()
{
	[ -e "$dir/agent.yaml" ] || (umask 022; : >"$dir/agent.yaml")
	printf '%s' "$dir/agent.yaml"
}

# Ends the agent and what it started.
agent_stop()
{
	local id
	[ -n "${agent:-}" ] && kill -0 "$agent" 2>/dev/null || return 0
	for id in $(get '/api/v1/tasks?state=active' | jq -r '.tasks[].containerId' 2>/dev/null); do
		post '{"type":"KILL_CONTAINER","kill_container":{"container_id":{"value":"'"$id"'"}}}' >/dev/null
	done
	for _ in {1..50}; do
		[ "$(get '/api/v1/tasks?state=active' | jq '.tasks | length' 2>/dev/null || echo 0)" = 0 ] && break
		sleep 0.1
	done
	kill "$agent" 2>/dev/null || true
	wait "$agent" 2>/dev/null || true
	agent=
}

ask()
{
	curl -s --max-time 30 --unix-socket "$dir/run/agent.sock" -H 'X-Callgate: 1' "$@"
}

# get PATH: the body. post BODY: to the operator API; $code is not set in a subshell, so `answers` asks by itself.
get()
{
	ask "http://localhost$1"
}
post()
{
	ask -H 'Content-Type: application/json' --data-binary "$1" http://localhost/api/v1
}

# answers CODE BODY: posts; the body of the answer is in $answer.
answers()
{
	local got
	got=$(ask -H 'Content-Type: application/json' --data-binary "$2" -o "$dir/.answer" -w '%{http_code}' http://localhost/api/v1)
	answer=$(<"$dir/.answer")
	[ "$got" = "$1" ] || { printf '%s, not %s\n%s\n%s\n' "$got" "$1" "$2" "$answer"; cat "$dir/agent.log"; return 1; }
}
