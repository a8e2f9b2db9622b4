# Goal: Marathon's apps on this host, through the real agent: the cases of Mesos' and Marathon's documents, and what keeps them running.
load helper
load agent
load marathon

@test "an app runs under the profile that it names, and says so" {
	agent_start
	api POST /v2/apps "$(app a 'sleep 232323' "$(seccomp '"profileName":"default.json","unconfined":false')")"
	answers 201 '"id": "/a"'
	until_running a 1
	[[ $body == *'"name": "default.json"'* && $body == *'"unconfined": false'* ]]
	pid=$(task_pid a)
	grep -q '^Seccomp:	2' "/proc/$pid/status"
	no_deployment
}

@test "an app that is unconfined has no filter" {
	agent_start
	api POST /v2/apps "$(app a 'sleep 232323' "$(seccomp '"unconfined":true')")"
	answers 201
	until_running a 1
	pid=$(task_pid a)
	[ "$(sed -n 's/^Seccomp_filters:	//p' "/proc/$pid/status")" = "$(sed -n 's/^Seccomp_filters:	//p' /proc/self/status)" ]
}

@test "both and neither are refused with Marathon's words" {
	agent_start
	api POST /v2/apps "$(app a 'sleep 1' "$(seccomp '"profileName":"foo","unconfined":true')")"
	answers 422 '{"path": "/container/linuxInfo/seccomp", "errors": ["Seccomp unconfined can NOT be true when Profile is defined"]}'
	api POST /v2/apps "$(app a 'sleep 1' "$(seccomp '"unconfined":false')")"
	answers 422 '{"path": "/container/linuxInfo/seccomp", "errors": ["Seccomp unconfined must be true when Profile is NOT defined"]}'
	api POST /v2/apps '{"id":"/a",'
	answers 400 '"message": "Invalid JSON"'
	api GET /v2/apps/a
	answers 404 "App '/a' does not exist"
}

@test "an app whose call is killed has failed, names the call, and is started again with a growing delay" {
	agent_start
	kills mkdir '"mkdir","mkdirat"'
	api POST /v2/apps "$(app a 'mkdir /tmp/x' "$(seccomp '"profileName":"mkdir.json"')")"
	answers 201
	until_api /v2/apps/a '"lastTaskFailure"'
	[[ $body == *'"state": "TASK_FAILED"'* ]]
	if [[ $body != *"the audit log is not complete"* && $body != *'which one is not known'* ]]; then
		[[ $body =~ 'seccomp refused mkdir'(at)?' ('[0-9]+', '$(uname -m)') by mkdir.json:1:' ]]
	fi
	until_api /v2/queue '"id": "/a"'
	# 1, 1.15, 1.32: the third incarnation comes after two seconds at least
	until_api /api/v1/tasks?owner=marathon '._app.3"' 30
	[ "$(grep -o '"state": "TASK_FAILED"' <<<"$body" | wc -l)" -ge 2 ]
	api DELETE /v2/apps/a
	answers 200 '"deploymentId"'
	no_deployment
	api GET /v2/apps
	answers 200 '{"apps": []}'
}

@test "a profile that is not there fails the launch, and is taken once it is there" {
	agent_start
	api POST /v2/apps "$(app a 'sleep 232323' "$(seccomp '"profileName":"later.json"')")"
	answers 201
	until_api /v2/apps/a 'Failed to launch container: '
	cp "$dir/profiles/default.json" "$dir/profiles/later.json"
	until_running a 1 20
}

@test "it is scaled, its tasks are killed and come back" {
	agent_start
	api POST /v2/apps "$(app a 'sleep 232323')"
	until_running a 1
	api PUT /v2/apps/a '{"instances":3}'
	answers 200 '"deploymentId"'
	until_running a 3
	no_deployment
	api DELETE "/v2/apps/a/tasks?scale=true&host=elsewhere"
	answers 200
	no_deployment
	first=$(task_ids a | head -n 1)
	api DELETE "/v2/apps/a/tasks/$first"
	answers 200 "$first"
	until_api /api/v1/tasks?owner=marathon "${first%1}2"
	until_running a 3
	api PUT /v2/apps/a '{"instances":1}'
	answers 200
	no_deployment
	[ "$(task_ids a | wc -l)" = 1 ]
}

@test "what the app gets of its definition: environment, user, ports, limits" {
	agent_start --attributes=rack:r1
	mkdir -m 777 "$dir/shared"
	api POST /v2/apps "$(app shop/web 'env >/mnt/env; id -u >/mnt/id; sleep 232323' \
		',"user":"nobody","env":{"X":"1"},"labels":{"tier":"front"},"constraints":[["rack","CLUSTER","r1"]],"portDefinitions":[{"port":0,"name":"http"},{"port":0}]' \
		',"container":{"type":"MESOS","volumes":[{"containerPath":"/mnt","hostPath":"'"$dir"'/shared","mode":"RW"}]}')"
	answers 201
	until_running shop/web 1
	for _ in $(seq 100); do [ -s "$dir/shared/id" ] && break; sleep 0.05; done
	[ "$(cat "$dir/shared/id")" = "$(id -u nobody)" ]
	grep -qx 'MARATHON_APP_ID=/shop/web' "$dir/shared/env"
	grep -q '^MESOS_TASK_ID=shop_web.instance-.*\._app\.1$' "$dir/shared/env"
	grep -qx 'X=1' "$dir/shared/env"
	grep -qx 'MARATHON_APP_LABEL_TIER=front' "$dir/shared/env"
	grep -qx "PORTS=$(sed -n 's/^PORT0=//p' "$dir/shared/env"),$(sed -n 's/^PORT1=//p' "$dir/shared/env")" "$dir/shared/env"
	grep -q '^PORT_HTTP=31' "$dir/shared/env"
}

@test "apps last: the front, the agent, and all of it killed" {
	agent_start
	api POST /v2/apps "$(app a 'sleep 232323' ',"instances":2')"
	until_running a 2
	before=$(task_ids a | sort)
	kill -9 "$(agent_child front)"
	until_running a 2
	[ "$(task_ids a | sort)" = "$before" ]
	agent_end KILL
	agent_start
	until_running a 2
	[ "$(task_ids a | sort)" = "$before" ]
	no_deployment
}
