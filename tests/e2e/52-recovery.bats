# Goal: what the agent promises of its state: repeated requests, edited profiles, other configurations, damaged and newer databases.
load helper
load agent

container()
{
	printf '{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":{"value":"%s"},"command":{"value":"%s"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}],"container":{"type":"MESOS"}}}' "$1" "$2"
}

# begin ID COMMAND [MEMBER]: a job with one run, which is there when this returns.
begin()
{
	api POST /v1/jobs "{\"id\":\"$1\",\"run\":{\"cpus\":0.1,\"mem\":32,\"disk\":0,\"cmd\":\"$2\"${3:-}}}"
	answers 201
	api POST "/v1/jobs/$1/runs"
	answers 201
	until_api "/v1/jobs/$1/runs" '"status": "ACTIVE"'
}

# field NAME: the first such member of $body.
field()
{
	sed -n "s/.*\"$1\": \"\{0,1\}\([^\",}]*\).*/\1/p" <<<"${body/\"$1\"/$'\n'\"$1\"}" | head -n 1
}

pid_of()
{
	api GET "/api/v1/tasks?id=$1"
	field pid
}

@test "a launch that is repeated with its id is the same task, also over a restart; so is a stop" {
	agent_start
	api POST /api/v1 "$(container same "trap '' TERM; while :; do sleep 1; done")"
	answers 200
	until_api /api/v1/tasks TASK_RUNNING
	pid=$(field pid)
	api POST /api/v1 "$(container same 'sleep 1')"
	answers 202
	agent_end KILL
	agent_start
	api POST /api/v1 "$(container same 'sleep 1')"
	answers 202
	api GET /api/v1/tasks
	[ "$(field pid)" = "$pid" ]
	for _ in 1 2; do
		api POST /api/v1 '{"type":"KILL_CONTAINER","kill_container":{"container_id":{"value":"same"},"signal":15}}'
		answers 200
	done
	kill -0 "$pid"
	api POST /api/v1 '{"type":"KILL_CONTAINER","kill_container":{"container_id":{"value":"same"}}}'
	until_api /api/v1/tasks TASK_KILLED
	[ "$(grep -o '"containerId"' <<<"$body" | wc -l)" = 1 ]
}

@test "a profile that is edited touches no running task, and recovery states that it differs" {
	agent_start
	echo '{"defaultAction":"SCMP_ACT_ALLOW"}' >"$dir/profiles/web.json"
	begin web 'sleep 1000' ',"linuxInfo":{"seccomp":{"profileName":"web.json"}}'
	api GET '/api/v1/tasks?id=web'
	digest=$(field textDigest) id=$(field id)
	[[ $digest == sha256:* ]]
	api GET /api/v1/profiles/web.json
	answers 200 '"olderTasks": []'
	echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["ptrace"],"action":"SCMP_ACT_ERRNO"}]}' >"$dir/profiles/web.json"
	agent_end KILL
	agent_start
	api GET '/api/v1/tasks?id=web'
	answers 200 "\"textDigest\": \"$digest\""
	api GET /api/v1/profiles/web.json
	answers 200
	[[ ${body#*olderTasks} == *"$id"* ]]
	[[ $(field textDigest) != "$digest" ]]
}

@test "a configuration that tasks do not fit in is refused with the reason, and nothing is touched" {
	agent_start --resources='cpus:4;mem:4096'
	begin keep 'sleep 1000'
	pid=$(pid_of keep)
	agent_end
	agent_refuses --resources='cpus:2;mem:4096'
	complains reconfiguration_policy
	kill -0 "$pid"
	agent_refuses --reconfiguration_policy=additive --resources='cpus:4;mem:1024'
	agent_start --reconfiguration_policy=additive --resources='cpus:8;mem:4096'
	[ "$(pid_of keep)" = "$pid" ]
}

@test "a damaged row ends a strict start that names it; else it is put aside and its task goes on" {
	agent_start
	begin good 'sleep 1000'
	begin hurt 'sleep 1000'
	api GET '/api/v1/tasks?id=hurt'
	id=$(field id) pid=$(field pid)
	agent_end
	database "UPDATE tasks SET state = 99 WHERE id = '$id'"
	agent_refuses
	complains "$id"
	kill -0 "$pid"
	agent_start --no-strict
	kill -0 "$pid"
	api GET "/api/v1/tasks/$id"
	answers 200 TASK_UNKNOWN
	api GET '/api/v1/tasks?id=good'
	answers 200 TASK_RUNNING
}

@test "a damaged file is refused with the place, and not made anew" {
	agent_start
	begin keep 'sleep 1000'
	pid=$(pid_of keep)
	agent_end
	rm -f "$dir"/state/front/agent.db-*
	printf 'not a database at all, whatever it was' | dd of="$dir/state/front/agent.db" conv=notrunc status=none
	before=$(sha256sum <"$dir/state/front/agent.db")
	agent_refuses
	complains agent.db
	[ "$(sha256sum <"$dir/state/front/agent.db")" = "$before" ]
	kill -0 "$pid"
}

@test "a database of a newer agent is refused and stays as it is" {
	agent_start
	begin keep 'sleep 1000'
	agent_end
	database 'PRAGMA user_version=4711'
	agent_refuses
	complains newer
	[ "$(database 'PRAGMA user_version')" = 4711 ]
	[ "$(database 'SELECT count(*) FROM tasks')" = 1 ]
}

@test "a second agent on one state directory ends with the reason, and the first does not mind" {
	agent_start
	begin keep 'sleep 1000'
	pid=$(pid_of keep)
	agent_refuses
	complains "$dir/state"
	api GET /health
	answers 200
	[ "$(pid_of keep)" = "$pid" ]
	begin more 'sleep 1000'
}

@test "a boot in between: nothing is signalled, what ran is lost to it, and what was defined runs anew" {
	agent_start
	api POST /v2/apps '{"id":"/web","cmd":"sleep 1000","cpus":0.01,"mem":32,"instances":1,"container":{"type":"MESOS"}}'
	answers 201
	until_api /api/v1/tasks TASK_RUNNING
	old=$(field pid)
	keeper=$(awk '/^PPid/ { print $2 }' "/proc/$old/status")
	agent_end KILL
	# No process outlives a boot. The number of the next one is another.
	kill -KILL "$keeper"
	while kill -0 "$old" 2>/dev/null; do sleep 0.05; done
	echo 01234567-89ab-cdef-0123-456789abcdef >"$dir/boot_id"
	mkdir "$dir/bin"
	ln -s "${callgate%/*}/callgate-front" "$dir/bin/callgate-front"
	cat >"$dir/bin/callgate" <<-END
		#!/bin/sh
		exec unshare --mount --propagation=private sh -c 'mount --bind "$dir/boot_id" /proc/sys/kernel/random/boot_id && exec "$callgate" "\$@"' sh "\$@"
	END
	chmod 755 "$dir/bin/callgate"
	callgate=$dir/bin/callgate
	unshare --mount --propagation=private mount --bind "$dir/boot_id" /proc/sys/kernel/random/boot_id || skip "nothing can be mounted there"
	agent_start
	until_api /api/v1/tasks 'the host was booted since'
	[[ $body == *TASK_LOST* ]]
	until_api '/api/v1/tasks?state=TASK_RUNNING' TASK_RUNNING 60
	[ "$(grep -o '"pid": [1-9][0-9]*' <<<"$body" | wc -l)" = 1 ]
}
