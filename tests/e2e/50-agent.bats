# Goal: the agent starts as Mesos' does or says why not, runs tasks, and can be ended and killed without any of them noticing.
load helper

setup()
{
	[ "$(id -u)" = 0 ] || skip "an agent needs root"
	command -v curl >/dev/null || skip "curl is missing"
	dir=$(mktemp -d)
	chmod 755 "$dir"
	cd "$dir" || return 1
	: >agent.yaml
}

teardown()
{
	[ -z "$agent" ] || { kill -KILL "$agent"; wait "$agent"; } 2>/dev/null || true
	if [ -d "$dir/state/tasks" ]; then
		"$callgate" ps -q --state-dir "$dir/state/tasks" | while read -r id; do
			"$callgate" kill --state-dir "$dir/state/tasks" "$id"
		done
		sleep 0.3
		"$callgate" ps --state-dir "$dir/state/tasks"
	fi >/dev/null 2>&1
	cd / && rm -rf "$dir"
}

# agent [FLAG...]: in the background, answering.
agent()
{
	"$callgate" agent "--state-dir=$dir/state" "--listen=unix://$dir/socket" "--seccomp_config_dir=$dir/profiles" \
		--seccomp_profile_name=default.json "--config=$dir/agent.yaml" "$@" >"$dir/log" 2>&1 </dev/null 3>&- &
	agent=$!
	answers || { cat "$dir/log"; return 1; }
}
answers()
{
	local i
	for i in $(seq 300); do
		get /api/v1/tasks >/dev/null && return 0
		sleep 0.1
	done
	return 1
}
# refuses TEXT [FLAG...]: does not start, and says why.
refuses()
{
	local text=$1
	shift
	separately timeout 20 "$callgate" agent "--state-dir=$dir/state" "--listen=unix://$dir/socket" "--config=$dir/agent.yaml" "$@"
	exits 1
	complains "$text"
}
get()
{
	curl -sf -m 10 --unix-socket "$dir/socket" "http://localhost$1"
}
call()
{
	curl -sf -m 10 --unix-socket "$dir/socket" -H 'Content-Type: application/json' -d "$1" http://localhost/api/v1
}
launch()
{
	call "{\"type\":\"LAUNCH_CONTAINER\",\"launch_container\":{\"container_id\":{\"value\":\"$1\"},\"command\":{\"value\":\"$2\"}}}"
}
# field NAME KEY: of a task, as the agent tells it.
field()
{
	get "/api/v1/tasks/$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$2"
}
# state NAME STATE: soon.
state()
{
	local i
	for i in $(seq 300); do
		[ "$(field "$1" state 2>/dev/null)" = "$2" ] && return 0
		sleep 0.1
	done
	echo "$1 is $(field "$1" state), not $2"
	cat "$dir/log"
	return 1
}
child()
{
	local pid
	for pid in $(cat "/proc/$agent/task/$agent/children"); do
		[ "$(cat "/proc/$pid/comm")" != "$1" ] || echo "$pid"
	done
}
status_of()
{
	awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/status"
}

@test "an agent that is started for the first time has the built-in default profile, and ends by SIGTERM" {
	agent
	"$callgate" diff default profiles/default.json
	[ "$(stat -c %a:%u profiles/default.json)" = 644:0 ]
	[ "$(stat -c %a:%u profiles)" = 755:0 ]
	[ "$(stat -c %a:%u:%g socket)" = 660:0:0 ]
	[ "$(stat -c %a:%u state)" = 700:0 ]
	kill "$agent"
	wait "$agent"
	agent=
	[ ! -e socket ]
	# A directory that has lost it is its owner's business.
	mv profiles/default.json profiles/mine.json
	refuses "Failed to read Seccomp profile file" "--seccomp_config_dir=$dir/profiles" --seccomp_profile_name=default.json
	[ ! -e profiles/default.json ]
}

@test "without a default profile, as in Mesos, there is none, and the start says so" {
	echo 'strict: false' >agent.yaml
	"$callgate" agent "--state-dir=$dir/state" "--listen=unix://$dir/socket" "--seccomp_config_dir=$dir/profiles" \
		"--config=$dir/agent.yaml" >"$dir/log" 2>&1 </dev/null 3>&- &
	agent=$!
	answers
	[ "$(grep -c 'warning: there is no default profile: tasks that name none run without a filter; --seccomp_profile_name=default.json (seccomp_profile_name in /etc/callgate/agent.yaml)' log)" = 1 ]
	launch one "sleep 1000"
	state one TASK_RUNNING
	[ "$(status_of "$(field one pid)" Seccomp)" = 0 ]
	kill "$agent"
	wait "$agent"
	# With the settings that are installed there is one.
	cp "$root/packaging/agent.yaml" agent.yaml
	"$callgate" agent "--state-dir=$dir/state" "--listen=unix://$dir/socket" "--seccomp_config_dir=$dir/profiles" \
		"--config=$dir/agent.yaml" >"$dir/log" 2>&1 </dev/null 3>&- &
	agent=$!
	answers
	[ "$(grep -c warning log)" = 0 ]
	launch two "sleep 1000"
	state two TASK_RUNNING
	[ "$(status_of "$(field two pid)" Seccomp)" = 2 ]
	[ "$(status_of "$(field one pid)" Seccomp)" = 0 ]
}

@test "what keeps it from starting is said as Mesos says it" {
	isolator="Failed to create a containerizer: Could not create MesosContainerizer: Failed to create isolator 'linux/seccomp': "
	refuses "${isolator}Missing required \`--seccomp_config_dir\` flag" --isolation=linux/seccomp
	mkdir profiles
	echo '{ "defaultAction": "SCMP_ACT_NOTHING" }' >profiles/bad.json
	refuses "${isolator}Failed to parse Seccomp profile '$dir/profiles/bad.json'" "--seccomp_config_dir=$dir/profiles" --seccomp_profile_name=bad.json
	chmod 666 profiles/bad.json
	refuses "the profile 'bad.json' can be written by everybody" "--seccomp_config_dir=$dir/profiles" --seccomp_profile_name=bad.json
	refuses "it has '..' in it" "--seccomp_config_dir=$dir/profiles" --seccomp_profile_name=../bad.json
	chmod 777 profiles
	refuses "can be written by everybody" "--seccomp_config_dir=$dir/profiles"
	cp "$callgate" callgate
	separately setpriv --reuid=1234 --regid=1234 --clear-groups "$dir/callgate" agent --isolation=linux/seccomp "--config=$dir/agent.yaml"
	exits 1
	complains "Linux Seccomp isolator requires root permissions"
	[ ! -e state ]
}

@test "flags have Mesos' forms" {
	refuses "unknown option '--secomp_config_dir' for agent (did you mean '--seccomp_config_dir'?)" --secomp_config_dir=x
	refuses "'--modules' is not for callgate agent: there are no modules" --modules=x
	echo "$dir/profiles" >where
	separately env "MESOS_SECCOMP_PROFILE_NAME=other.json" timeout 20 "$callgate" agent "--state_dir=$dir/state" \
		"--listen=unix://$dir/socket" "--config=$dir/agent.yaml" "--seccomp-config-dir=file://$dir/where" --no-strict
	exits 1
	complains "Failed to read Seccomp profile file '$dir/profiles/other.json'"
}

@test "two agents on one state directory: the second one ends" {
	agent
	launch one "sleep 1000"
	state one TASK_RUNNING
	separately timeout 20 "$callgate" agent "--state-dir=$dir/state" "--listen=unix://$dir/other" "--config=$dir/agent.yaml" \
		"--seccomp_config_dir=$dir/profiles"
	exits 1
	complains "another agent runs on the state directory '$dir/state' (pid $agent)"
	separately timeout 20 "$callgate" agent "--state-dir=$dir/state2" "--listen=unix://$dir/socket" "--config=$dir/agent.yaml" \
		"--seccomp_config_dir=$dir/profiles"
	exits 1
	complains "somebody listens on '$dir/socket' already"
	[ "$(field one state)" = TASK_RUNNING ]
}

@test "each of its processes has the rights that it needs, and no more" {
	agent
	front=$(child callgate-front)
	launcher=$(child gate-launcher)
	[ "$(status_of "$agent" Seccomp)" = 0 ]
	[ "$(status_of "$launcher" Seccomp)" = 2 ]
	[ "$(status_of "$front" Seccomp)" = 2 ]
	[ "$(status_of "$front" NoNewPrivs)" = 1 ]
	[ "$(status_of "$front" Uid)" = "$(id -u callgate 2>/dev/null || echo 62893)" ]
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		[ "$(status_of "$front" $set)" = 0000000000000000 ]
	done
	# What it holds open: nothing of root's but what it was given.
	not grep -E "state/(lock|workers|tasks)" <(ls -l "/proc/$front/fd")
}

@test "a task gets its profile's filter and none of the agent's" {
	agent
	launch one "exec sleep 1000"
	state one TASK_RUNNING
	pid=$(field one pid)
	[ "$(status_of "$pid" Seccomp)" = 2 ]
	[ "$(status_of "$pid" Seccomp_filters)" = 1 ]
	"$callgate" diff "pid:$pid" "$dir/profiles/default.json"
}

@test "whoever is killed, a task goes on, is found again, and its end is told" {
	agent
	launch one "exec sleep 1000"
	launch two "exec sleep 1000"
	state one TASK_RUNNING
	state two TASK_RUNNING
	pid=$(field one pid)
	for name in gate-launcher callgate-front gate-launcher; do
		kill -KILL "$(child $name)"
		answers
		state one TASK_RUNNING
		[ "$(field one pid)" = "$pid" ]
		[ "$(status_of "$pid" Seccomp)" = 2 ]
	done
	# Under one mother that was killed, one more ends; the next one tells it.
	kill -KILL "$agent"
	wait "$agent" || true
	"$callgate" kill --state-dir "$dir/state/tasks" two
	agent
	state two TASK_FAILED
	state one TASK_RUNNING
	[ "$(field one pid)" = "$pid" ]
	call '{"type":"KILL_CONTAINER","kill_container":{"container_id":{"value":"one"}}}'
	state one TASK_KILLED
}

@test "an agent that is ended leaves its tasks, and systemd is told when it is ready" {
	command -v python3 >/dev/null || skip "python3 is missing"
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.settimeout(30)
s.bind(sys.argv[1])
print("bound", flush=True)
print(s.recv(100).decode(), flush=True)' "$dir/notify" >told &
	listener=$!
	until grep -q bound told; do sleep 0.05; done
	export NOTIFY_SOCKET=$dir/notify
	agent
	wait $listener
	grep -qx READY=1 told
	launch one "exec sleep 1000"
	state one TASK_RUNNING
	pid=$(field one pid)
	# What the agent was started with does not reach it.
	not grep -z NOTIFY_SOCKET "/proc/$pid/environ"
	kill "$agent"
	wait "$agent"
	[ "$(status_of "$pid" Seccomp)" = 2 ]
	agent
	state one TASK_RUNNING
	[ "$(field one pid)" = "$pid" ]
}
