# Goal: Marathon's health checks through the real agent: by a command in the task, by HTTP and by TCP; what is ill is killed and comes back.
load helper
load agent
load marathon

# check FIELDS...: one that is quick; $grace: in seconds, 0 when it is not set.
check()
{
	printf ',"healthChecks":[{"gracePeriodSeconds":'"${grace:-0}"',"intervalSeconds":1,"timeoutSeconds":5,"maxConsecutiveFailures":2,"delaySeconds":0,%s}]' "$1"
}

server="python3 -m http.server --bind 127.0.0.1 \$PORT0"

@test "a command in the task decides, under its filter" {
	agent_start
	kills chroot '"chroot"'
	mkdir -m 777 "$dir/shared"
	api POST /v2/apps "$(app a 'sleep 232323' "$(check '"protocol":"COMMAND","command":{"value":"test -e /mnt/well"}')" \
		',"container":{"type":"MESOS","volumes":[{"containerPath":"/mnt","hostPath":"'"$dir"'/shared","mode":"RO"}],"linuxInfo":{"seccomp":{"profileName":"chroot.json"}}}')"
	answers 201
	until_api /v2/apps/a '"consecutiveFailures": 1' 30
	until_api '/api/v1/tasks?owner=marathon&state=TASK_KILLED' 'TASK_KILLED' 30
	api GET /v2/deployments
	[ "$body" != '[]' ] # nobody is healthy yet
	touch "$dir/shared/well"
	until_api /v2/apps/a '"tasksHealthy": 1' 30
	[[ $body == *'"alive": true'* ]]
	no_deployment
	# A check that would break out gets the task's filter, not the agent's default.
	api PUT /v2/apps/a '{"healthChecks":[{"protocol":"COMMAND","command":{"value":"chroot / true"},"gracePeriodSeconds":0,"intervalSeconds":1,"delaySeconds":0}]}'
	answers 200
	until_api /v2/apps/a 'Bad system call' 30
}

@test "HTTP: what answers is healthy, what answers with an error is not" {
	command -v python3 >/dev/null || skip "needs python3"
	agent_start
	grace=60
	api POST /v2/apps "$(app a "$server" "$(check '"path":"/"')")"
	answers 201
	until_api /v2/apps/a '"tasksHealthy": 1' 30
	no_deployment
	api PUT /v2/apps/a '{"healthChecks":[{"path":"/nothing","gracePeriodSeconds":0,"intervalSeconds":1,"timeoutSeconds":5,"maxConsecutiveFailures":0}]}'
	answers 200
	until_api /v2/apps/a '"lastFailureCause": "status 404"' 30
	[[ $body == *'"tasksHealthy": 1'* ]] # the old version goes on
}

@test "TCP: a port that takes connections" {
	command -v python3 >/dev/null || skip "needs python3"
	agent_start
	grace=60
	api POST /v2/apps "$(app a "$server" "$(check '"protocol":"TCP","portIndex":0')")"
	until_api /v2/apps/a '"tasksHealthy": 1' 30
	no_deployment
	grace=0
	api POST /v2/apps "$(app b 'sleep 232323' "$(check '"protocol":"MESOS_TCP","portIndex":0')")"
	until_api /v2/apps/b 'Connection refused' 30
	until_api '/api/v1/tasks?owner=marathon&state=TASK_KILLED' '"/b"' 30
}

@test "readiness: a deployment waits for it" {
	command -v python3 >/dev/null || skip "needs python3"
	agent_start
	mkdir -m 777 "$dir/shared"
	api POST /v2/apps "$(app b "cd /mnt && $server" ',"portDefinitions":[{"port":0,"name":"http-api"}]' \
		',"readinessChecks":[{"path":"/ready","intervalSeconds":2,"timeoutSeconds":1}]' \
		',"container":{"type":"MESOS","volumes":[{"containerPath":"/mnt","hostPath":"'"$dir"'/shared","mode":"RO"}]}')"
	answers 201
	until_running b 1
	sleep 3
	api GET /v2/deployments
	[[ $body == *'"ready": false'* ]]
	touch "$dir/shared/ready"
	no_deployment 30
}
