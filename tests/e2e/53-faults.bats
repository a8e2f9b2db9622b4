# Goal: what the agent does when things go wrong around it: full and read-only disks, killed keepers and fronts, no memory, and
# starts that are cut short.
load helper
load agent

# jobs FIRST LAST: a job with one run each, all of them active in the end.
jobs()
{
	for n in $(seq "$1" "$2"); do
		api POST /v1/jobs "{\"id\":\"j$n\",\"run\":{\"cpus\":0.01,\"mem\":32,\"disk\":0,\"cmd\":\"exec sleep 1000\"}}"
		answers 201
		api POST "/v1/jobs/j$n/runs"
		answers 201
	done
	running "$2"
}

# running N: so many tasks run, each as one process of its own.
running()
{
	local n
	for _ in $(seq 400); do
		api GET '/api/v1/tasks?state=TASK_RUNNING'
		n=$(grep -o '"containerId"' <<<"$body" | wc -l)
		[ "$n" = "$1" ] && break
		sleep 0.1
	done
	[ "$n" = "$1" ] || { printf '%s tasks run, not %s\n' "$n" "$1"; cat "$dir/agent.log"; return 1; }
	[ "$(pids | sort -u | wc -l)" = "$1" ]
}

pids()
{
	grep -o '"pid": [0-9]*' <<<"$body" | sed 's/.* //'
}

alive()
{
	local pid
	for pid in $1; do
		kill -0 "$pid" || return 1
	done
}

small_state()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	mkdir "$dir/state"
	mount -t tmpfs -o size=24m,mode=700 none "$dir/state" || skip "no tmpfs can be mounted here"
}

@test "on a full disk launches are refused with 507, tasks go on and kills are carried out; with room all is as before" {
	small_state
	agent_start
	jobs 1 2
	before=$(pids)
	dd if=/dev/zero of="$dir/state/ballast" bs=64k status=none 2>/dev/null || true
	dd if=/dev/zero of="$dir/state/ballast2" bs=1 status=none 2>/dev/null || true
	# What fits into the file as it is may still be written: until it is really full.
	for n in $(seq 400); do
		api POST /v1/jobs "{\"id\":\"fill$n\",\"description\":\"$(printf '%08000d' 0)\",\"run\":{\"cpus\":0.01,\"mem\":32,\"disk\":0,\"cmd\":\"true\"}}"
		[ "$code" = 201 ] || break
	done
	answers 507
	api POST /v1/jobs/j1/runs
	answers 507
	alive "$before"
	api GET /v1/jobs/j1/runs
	answers 200 ACTIVE
	run=$(sed 's/^\[{"id": "\([^"]*\)".*/\1/' <<<"$body")
	api POST "/v1/jobs/j1/runs/$run/actions/stop"
	[ "$code" = 507 ] || [ "$code" = 200 ]
	for _ in $(seq 200); do
		alive "$before" || break
		sleep 0.05
	done
	not alive "$before"
	rm "$dir/state/ballast" "$dir/state/ballast2"
	until_api '/api/v1/tasks?id=j1' TASK_KILLED
	api POST /v1/jobs/j2/runs
	answers 201
	until_api '/v1/jobs/j2/runs' ACTIVE
}

@test "a state that became read-only refuses launches, and kills are carried out" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	command -v mkfs.ext4 >/dev/null || skip "needs mkfs.ext4"
	truncate -s 64M "$dir/disk"
	mkfs.ext4 -q "$dir/disk"
	mkdir "$dir/state"
	mount -o loop "$dir/disk" "$dir/state" 2>/dev/null || skip "no file system can be mounted here"
	chmod 700 "$dir/state"
	rmdir "$dir/state/lost+found"
	agent_start
	jobs 1 1
	before=$(pids)
	# As the kernel does when the disk fails.
	mount -o remount,abort "$dir/state" || skip "it cannot be made read-only while it is in use"
	api POST /v1/jobs/j1/runs
	answers 507
	api POST /v1/jobs '{"id":"more","run":{"cpus":0.01,"mem":32,"disk":0,"cmd":"true"}}'
	answers 507
	alive "$before"
	api GET /v1/jobs/j1/runs
	answers 200 ACTIVE
	run=$(sed 's/^\[{"id": "\([^"]*\)".*/\1/' <<<"$body")
	api POST "/v1/jobs/j1/runs/$run/actions/stop"
	answers 507
	for _ in $(seq 200); do
		alive "$before" || break
		sleep 0.05
	done
	not alive "$before"
}

@test "starts that are cut short, any number of times, lose and double nothing" {
	agent_start
	jobs 1 8
	before=$(pids | sort)
	for ms in 5 20 40 60 90 130 180 240 320 420; do
		agent_end KILL
		"$callgate" agent --listen "unix://$dir/run/agent.sock" --state-dir "$dir/state" --seccomp_config_dir="$dir/profiles" \
			--seccomp_profile_name=default.json >>"$dir/agent.log" 2>&1 </dev/null 3>&- 4>&- &
		agent=$!
		sleep "0.$(printf '%03d' "$ms")"
	done
	agent_end KILL
	agent_start
	running 8
	[ "$(pids | sort)" = "$before" ]
	api GET /v1/metrics
	[[ $body == *'"callgate/orphans": {"value": 0}'* ]]
}

@test "many tasks are recovered quickly" {
	n=${CALLGATE_TASKS:-40}
	agent_start
	jobs 1 "$n"
	before=$(pids | sort)
	agent_end KILL
	agent_start
	running "$n"
	[ "$(pids | sort)" = "$before" ]
	api GET /v1/metrics
	took=$(grep -o '"slave/recovery_time_secs": {"value": [0-9.e-]*' <<<"$body" | sed 's/.* //')
	echo "# $n tasks were recovered in $took s" >&3
	[ "$(awk -v t="$took" 'BEGIN { print (t > 0 && t < 20) }')" = 1 ]
}

@test "a killed front or launcher is started again, and tasks do not notice" {
	agent_start
	jobs 1 3
	before=$(pids | sort)
	for which in front launcher front launcher; do
		kill -KILL "$(agent_child $which)"
		until_api '/v1/jobs/j1/runs' ACTIVE 30
	done
	running 3
	[ "$(pids | sort)" = "$before" ]
	api POST /v1/jobs/j1/runs
	answers 201
}

@test "a front without memory ends or refuses, is started again, and forgets nothing that it acknowledged" {
	agent_start
	front=$(agent_child front)
	used=$(awk '/^VmPeak/ { print $2 }' "/proc/$front/status")
	agent_end
	# All of the agent is under this limit: the front is the largest.
	ulimit -S -v "$((used + 8000))"
	agent_start
	ulimit -S -v unlimited
	jobs 1 3
	before=$(pids | sort)
	front=$(agent_child front)
	big=$(printf '%0300000d' 0)
	known= refused=0
	for n in $(seq 30); do
		printf '{"id":"big%s","description":"%s","run":{"cpus":0.01,"mem":32,"disk":0,"cmd":"true"}}' "$n" "$big" >"$dir/big"
		api POST /v1/jobs "@$dir/big"
		case $code in
		201) known="$known big$n" ;;
		503 | 507 | 000) refused=$((refused + 1)) ;; # or it ended before it answered
		*) answers 201 ;;
		esac
	done
	[ "$refused" -gt 0 ]
	# What it has is too much for its memory now: with more it is all there.
	agent_end
	agent_start
	for id in $known; do
		api GET "/v1/jobs/$id"
		answers 200 "\"id\": \"$id\""
	done
	running 3
	[ "$(pids | sort)" = "$before" ]
}

@test "a task whose keeper is killed is lost, and what it left is cleaned up" {
	agent_start
	api POST /v1/jobs '{"id":"lost","run":{"cpus":0.01,"mem":32,"disk":0,"cmd":"exec sleep 1000"}}'
	api POST /v1/jobs/lost/runs
	until_api /v1/jobs/lost/runs ACTIVE
	api GET '/api/v1/tasks?id=lost'
	pid=$(pids)
	keeper=$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")
	[ "$keeper" -gt 1 ]
	kill -KILL "$keeper"
	until_api '/v1/jobs/lost?embed=history' '"failureCount": 1' 60
	[[ $body == *'keeper was killed'* ]]
	for _ in $(seq 200); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	not kill -0 "$pid" 2>/dev/null
	api POST /v1/jobs/lost/runs
	answers 201
	until_api /v1/jobs/lost/runs ACTIVE
}

# slow_fetches: from here on an image of a registry takes for ever; the process that fetches is in $dir/fetch.
slow_fetches()
{
	mkdir "$dir/bin"
	# shellcheck disable=SC2016 # for that shell
	printf '#!/bin/sh\necho $$ >"%s/fetch.new" && mv "%s/fetch.new" "%s/fetch"\nexec sleep 1000\n' "$dir" "$dir" "$dir" >"$dir/bin/skopeo"
	chmod 755 "$dir/bin/skopeo"
	PATH="$dir/bin:$PATH"
	agent_start
}

fetching()
{
	for _ in $(seq 400); do
		[ -s "$dir/fetch" ] && return
		sleep 0.05
	done
	api GET /api/v1/tasks
	printf '%s\n' "$body"
	cat "$dir/agent.log"
	return 1
}

fetched_no_more()
{
	for _ in $(seq 400); do
		kill -0 "$(cat "$dir/fetch")" 2>/dev/null || return 0
		sleep 0.05
	done
	return 1
}

# slow ID: an app that waits for its image.
slow()
{
	rm -f "$dir/fetch"
	api POST /v2/apps "{\"id\":\"/$1\",\"cmd\":\"true\",\"cpus\":0.01,\"mem\":32,\"instances\":1,\"container\":{\"type\":\"MESOS\",
		\"docker\":{\"image\":\"docker://registry.invalid/slow\"}}}"
	answers 201
	fetching
}

@test "what fetches an image ends with the launch that waits for it: at a kill, and when the agent is killed" {
	slow_fetches
	slow one
	api DELETE /v2/apps/one
	answers 200
	fetched_no_more
	until_api /api/v1/tasks TASK_KILLED
	slow two
	agent_end KILL
	fetched_no_more
	agent_start
	fetching
	# What it has begun anew ends as well, so that nothing is left.
	api DELETE /v2/apps/two?force=true
	answers 200
	fetched_no_more
	until_api /api/v1/tasks TASK_KILLED
	[ -z "$(ls -A "$dir/state/tasks/containers")" ]
}
