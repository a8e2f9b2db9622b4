# goal: what strangers send is read by a process that can do nothing with it, and that may die at any moment.
bats_require_minimum_version 1.5.0
load helper

setup()
{
	[ "$(id -u)" = 0 ] || skip 'an agent needs root'
	command -v curl >/dev/null || skip 'needs curl'
	dir=$(mktemp -d)
	chmod 0755 "$dir"
	mkdir -m 0755 "$dir/profiles"
	cp "$root/profiles/default.json" "$dir/profiles"
	cd "$dir" || return 1
}

teardown()
{
	[ -n "$dir" ] || return 0
	end_agent
	"$callgate" ps --state-dir "$dir/state/tasks" -aq 2>/dev/null |
		xargs -r "$callgate" rm --state-dir "$dir/state/tasks" -f >/dev/null 2>&1 || true
	cd / && rm -rf "$dir"
}

start_agent()
{
	"$callgate" agent --state-dir "$dir/state" --listen "unix://$dir/agent.sock" --isolation=linux/seccomp,posix/rlimits \
		--seccomp_config_dir="$dir/profiles" --seccomp_profile_name=default.json >>"$dir/log" 2>&1 </dev/null 3>&- &
	agent=$!
	wait_until answers
}

end_agent()
{
	[ -z "$agent" ] || { kill "$agent" && wait "$agent"; } 2>/dev/null || true
	agent=
}

# wait_until COMMAND...: 20 seconds at most.
wait_until()
{
	for _ in $(seq 200); do
		! "$@" || return 0
		sleep 0.1
	done
	echo "never: $*"
	cat "$dir/log"
	return 1
}

get()
{
	curl -s -m 10 --unix-socket "$dir/agent.sock" "http://localhost$1"
}

send()
{
	curl -s -m 20 --unix-socket "$dir/agent.sock" -X "$1" -H 'Content-Type: application/json' -d "$3" "http://localhost$2"
}

answers()
{
	[[ $(get /api/v1/tasks) == '{"tasks": '* ]]
}

front_pid()
{
	pgrep -P "$agent" -x callgate-front
}

# tasks EXPRESSION: of the list t of tasks, in Python.
tasks()
{
	get "/api/v1/tasks" | python3 -c "import json, sys; t = json.load(sys.stdin)['tasks']; print($1)"
}

running()
{
	[ "$(tasks "sum(x['state'] == 'TASK_RUNNING' for x in t)")" = "$1" ]
}

new_front()
{
	local now
	now=$(front_pid) && [ "$now" != "$1" ] && answers
}

@test "the front has no rights, a filter, and memory that nobody reads" {
	start_agent
	front=$(front_pid)
	uid=$(id -u callgate 2>/dev/null || echo 62893)
	grep -qx "Uid:	$uid	$uid	$uid	$uid" "/proc/$front/status"
	grep -qx 'NoNewPrivs:	1' "/proc/$front/status"
	grep -qx 'Seccomp:	2' "/proc/$front/status"
	for set in Inh Prm Eff Amb; do
		grep -qx "Cap$set:	0000000000000000" "/proc/$front/status"
	done
	[ "$(stat -c %u "/proc/$front/mem")" = 0 ]
	grep -q '^Max core file size *0 *0 ' "/proc/$front/limits"
	[ "$(stat -c %a "$dir/state/front/agent.db")" = 600 ]
}

@test "the front is killed ten times: every task goes on, and events have no gap" {
	start_agent
	send POST /v2/apps '{"id":"/web","cmd":"sleep 1000","cpus":0.01,"mem":32,"instances":3,"container":{"type":"MESOS"}}' >/dev/null
	wait_until running 3
	before=$(tasks "sorted((x['id'], x['pid'], x['startedAt']) for x in t)")
	for _ in $(seq 10); do
		front=$(front_pid)
		kill -9 "$front"
		wait_until new_front "$front"
	done
	[ "$(tasks "sorted((x['id'], x['pid'], x['startedAt']) for x in t)")" = "$before" ]
	curl -s -m 2 --unix-socket "$dir/agent.sock" -H 'Accept: text/event-stream' -H 'Last-Event-ID: 0' \
		http://localhost/v2/events >events || true
	sed -n 's/^id: //p' events >ids
	[ "$(head -n 1 ids)" = 1 ]
	seq "$(tail -n 1 ids)" | diff - ids
	[ "$(grep -c '"taskStatus": "TASK_RUNNING"' events)" = 3 ]
}

@test "the agent ends and starts again: its tasks are the same" {
	start_agent
	send POST /v2/apps '{"id":"/web","cmd":"sleep 1000","cpus":0.01,"mem":32,"instances":2,"container":{"type":"MESOS"}}' >/dev/null
	wait_until running 2
	before=$(tasks "sorted((x['id'], x['pid'], x['startedAt']) for x in t)")
	kill "$agent"
	status=0
	wait "$agent" || status=$?
	[ "$status" = 0 ]
	start_agent
	[ "$(tasks "sorted((x['id'], x['pid'], x['startedAt']) for x in t)")" = "$before" ]
}

# own DIR: the two programs, for an agent of theirs.
own()
{
	mkdir "$1"
	cp "$callgate" "${callgate%/*}/callgate-front" "$1"
	callgate=$1/callgate
}

@test "the front is replaced under a running agent, as an update does: the old one is started again until the agent is" {
	own "$dir/bin"
	start_agent
	send POST /v2/apps '{"id":"/web","cmd":"sleep 1000","cpus":0.01,"mem":32,"instances":2,"container":{"type":"MESOS"}}' >/dev/null
	wait_until running 2
	before=$(tasks "sorted((x['id'], x['pid'], x['startedAt']) for x in t)")
	printf '#!/bin/sh\nexit 1\n' >"$dir/bin/new"
	chmod 755 "$dir/bin/new"
	mv "$dir/bin/new" "$dir/bin/callgate-front"
	front=$(front_pid)
	kill -9 "$front"
	wait_until new_front "$front"
	[ "$(tasks "sorted((x['id'], x['pid'], x['startedAt']) for x in t)")" = "$before" ]
}

@test "a front of another build is told so and ends the agent, and no task is touched" {
	own "$dir/bin"
	start_agent
	send POST /v2/apps '{"id":"/web","cmd":"sleep 1000","cpus":0.01,"mem":32,"instances":1,"container":{"type":"MESOS"}}' >/dev/null
	wait_until running 1
	before=$(tasks "[(x['id'], x['pid'], x['startedAt']) for x in t]")
	# What both were built with is the front's argument, and a text in both files.
	protocol=$(tr '\0' '\n' <"/proc/$(front_pid)/cmdline" | sed -n 2p)
	[[ $protocol =~ ^[0-9a-f]{32}$ ]]
	end_agent
	sed "s/$protocol/00000000000000000000000000000000/g" "$dir/bin/callgate-front" >"$dir/other"
	run ! cmp -s "$dir/other" "$dir/bin/callgate-front"
	cp "$dir/bin/callgate-front" "$dir/same"
	cp "$dir/other" "$dir/bin/callgate-front"
	status=0
	timeout 30 "$callgate" agent --state-dir "$dir/state" --listen "unix://$dir/agent.sock" --isolation=linux/seccomp \
		--seccomp_config_dir="$dir/profiles" >out 2>&1 </dev/null 3>&- || status=$?
	[ "$status" != 0 ] && [ "$status" != 124 ]
	grep -q 'callgate and callgate-front are of different builds' out
	grep -q 'starting the front again would not help' out
	cp "$dir/same" "$dir/bin/callgate-front"
	start_agent
	[ "$(tasks "[(x['id'], x['pid'], x['startedAt']) for x in t]")" = "$before" ]
}

@test "what ended while the agent was away has ended as it did" {
	start_agent
	send POST /api/v1 '{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":{"value":"brief"},"command":{"value":"sleep 2; exit 7"}}}'
	end_agent
	sleep 3
	start_agent
	[ "$(tasks "[(x['state'], x['message']) for x in t]")" = "[('TASK_FAILED', 'Command exited with status 7')]" ]
}

@test "secrets in env are in no file of the front, no log, no list" {
	start_agent
	send POST /api/v1 '{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":{"value":"c"},"command":{"value":"true",
		"environment":{"variables":[{"name":"TOKEN","value":"canary-4711"}]}}}}'
	send POST /api/v1 '{"type":"WAIT_CONTAINER","wait_container":{"container_id":{"value":"c"}}}' >/dev/null
	get /api/v1/tasks >list
	get /state >>list
	send POST /api/v1 '{"type":"GET_STATE"}' >>list
	end_agent
	grep -q '"c"' list
	run ! grep -r canary-4711 "$dir/state/front" "$dir/log" list
}

@test "changes are in the audit trail with who made them, reading is not" {
	start_agent
	send POST /v2/apps '{"id":"/web","cmd":"true","cpus":0.01,"mem":32,"instances":0,"container":{"type":"MESOS"}}' >/dev/null
	get /v2/apps >/dev/null
	send POST /api/v1 '{"type":"GET_STATE"}' >/dev/null
	end_agent
	python3 - "$dir/state/front/agent.db" <<-'END'
		import sqlite3, sys
		rows = sqlite3.connect(sys.argv[1]).execute("SELECT client, method, path FROM audit").fetchall()
		assert [r[1:] for r in rows] == [("POST", "/v2/apps")], rows
		assert rows[0][0].startswith("uid 0 pid "), rows
	END
}

@test "a damaged database ends the agent with a sentence, and no task" {
	start_agent
	send POST /v2/apps '{"id":"/web","cmd":"sleep 1000","cpus":0.01,"mem":32,"instances":1,"container":{"type":"MESOS"}}' >/dev/null
	wait_until running 1
	pid=$(tasks "t[0]['pid']")
	end_agent
	head -c 8192 /dev/urandom >"$dir/state/front/agent.db"
	rm -f "$dir/state/front/agent.db-wal"
	status=0
	timeout 30 "$callgate" agent --state-dir "$dir/state" --listen "unix://$dir/agent.sock" --isolation=linux/seccomp \
		--seccomp_config_dir="$dir/profiles" >out 2>&1 </dev/null 3>&- || status=$?
	[ "$status" != 0 ] && [ "$status" != 124 ]
	grep -q "front: 'agent.db'" out
	grep -q 'starting the front again would not help' out
	kill -0 "$pid"
}

# loose: the calls of profiles/agent-front.json that have not been made, and whose row's comment does not say why not.
loose()
{
	python3 - "$root/profiles/agent-front.json" "$dir/calls" <<-'END'
		import json, re, sys
		seen = set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)", open(sys.argv[2]).read(), re.M))
		print(*(name for row in json.load(open(sys.argv[1]))["syscalls"] for name in row["names"]
		        if name not in seen and name not in row.get("comment", "")))
	END
}

# exit_group is the front's last one, and seen only if its end was quicker than its mother's patience.
tight()
{
	local names
	names=$(loose)
	[ -z "$names" ] || [ "$names" = exit_group ]
}

# Each system call of profiles/agent-front.json is made here, or named in its row's comment with the reason why not.
@test "the front's filter is tight" {
	command -v strace >/dev/null || skip 'needs strace'
	start_agent
	strace -f -qq -o "$dir/calls" -p "$(front_pid)" 3>&- &
	tracer=$!
	wait_until test -s "$dir/calls"
	get /api/v1/profiles >/dev/null
	curl -s -m 3 --unix-socket "$dir/agent.sock" -H 'Accept: text/event-stream' http://localhost/v2/events >/dev/null &
	send POST /v2/apps '{"id":"/web","cmd":"sleep 1000","cpus":0.01,"mem":32,"instances":1,"container":{"type":"MESOS"},
		"portDefinitions":[{"port":0}],"healthChecks":[{"protocol":"TCP","portIndex":0,"gracePeriodSeconds":1,
		"intervalSeconds":1,"delaySeconds":0,"timeoutSeconds":1}]}' >/dev/null
	send POST /v1/jobs '{"id":"job","run":{"cmd":"true","cpus":0.01,"mem":32,"disk":0}}' >/dev/null
	send POST /v1/jobs/job/schedules '{"id":"s","cron":"0 0 * * *","timezone":"Europe/Berlin"}' >/dev/null
	send POST /api/v1 '{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":{"value":"c"},"command":{"value":"echo hi"}}}'
	send POST /api/v1 '{"type":"WAIT_CONTAINER","wait_container":{"container_id":{"value":"c"}}}' >/dev/null
	get '/files/browse?path=/c' >/dev/null
	get '/files/read?path=/c/stdout&offset=0' >/dev/null
	send POST /api/v1 '{"type":"GET_CONTAINERS","get_containers":{"show_standalone":true}}' >/dev/null
	wait_until tight || true # what only its timers and checks make
	send DELETE /v2/apps/web '' >/dev/null
	get /v2/info >/dev/null
	end_agent
	wait "$tracer" || true
	run ! grep SIGSYS "$dir/calls"
	tight || { echo "allowed, never made, and no reason given: $(loose)"; return 1; }
}
