# Goal: Marathon's deployments through the real agent: replaced without falling below the capacity, locked, cancelled, and killed in between.
load helper
load agent
load marathon

# Tasks of the app that run, of any version.
running()
{
	api GET "/v2/apps/$1"
	sed 's/.*"tasksRunning": \([0-9]*\).*/\1/' <<<"$body"
}

# until_replaced APP ENV: every task has it in its environment, and there is no deployment.
replaced()
{
	no_deployment 40
	local version
	api GET "/v2/apps/$1"
	version=$(sed 's/.*"version": "\([^"]*\)", "versionInfo".*/\1/' <<<"$body")
	api GET "/v2/apps/$1/tasks"
	[ "$(grep -o "\"servicePorts\"" <<<"$body" | wc -l)" = "$2" ]
	[ "$(grep -o "\"version\": \"$version\", \"ports\"" <<<"$body" | wc -l)" = "$2" ]
}

@test "a new version replaces the old one and never falls below the capacity" {
	agent_start
	api POST /v2/apps "$(app a 'trap "exit 0" TERM; while :; do sleep 0.1; done' ',"instances":3' \
		',"upgradeStrategy":{"minimumHealthCapacity":1,"maximumOverCapacity":0.4}' | sed 's/"exit 0"/'"'exit 0'"'/')"
	answers 201
	until_running a 3
	no_deployment
	api PUT /v2/apps/a '{"env":{"V":"2"}}'
	answers 200
	while api GET /v2/deployments && [ "$body" != '[]' ]; do
		[ "$(running a)" -ge 3 ]
		[ "$(running a)" -le 4 ]
		[ $SECONDS -lt 60 ]
	done
	replaced a 3
}

@test "an app that is being changed is locked, unless one insists; and the change can be taken back" {
	agent_start
	api POST /v2/apps "$(app a 'sleep 232323')"
	until_running a 1
	no_deployment
	# This version can never run: the deployment does not end.
	api PUT /v2/apps/a '{"container":{"type":"MESOS","linuxInfo":{"seccomp":{"profileName":"nothing.json"}}}}'
	answers 200
	id=$(sed 's/.*"deploymentId": "\([^"]*\)".*/\1/' <<<"$body")
	api PUT /v2/apps/a '{"instances":2}'
	answers 409 '"message": "App is locked by one or more deployments.'
	[[ $body == *"{\"id\": \"$id\"}"* ]]
	until_api /v2/apps/a '"lastTaskFailure"'
	[ "$(running a)" = 1 ] # what ran goes on
	api DELETE "/v2/deployments/$id"
	answers 200 '"deploymentId"'
	no_deployment
	until_running a 1
	[[ $body != *'"profileName": "nothing.json"'* ]]
	api DELETE /v2/deployments/nothing
	answers 404 'DeploymentPlan nothing does not exist'
}

@test "killed in the middle, a replacement goes on" {
	agent_start
	api POST /v2/apps "$(app a 'exec sleep 232323' ',"instances":3,"taskKillGracePeriodSeconds":1')"
	until_running a 3
	no_deployment
	api POST /v2/apps/a/restart ''
	answers 200 '"deploymentId"'
	for _ in 1 2 3; do
		kill -9 "$(agent_child front)"
		until_api /v2/apps '"apps"'
	done
	agent_end KILL
	agent_start
	replaced a 3
}

@test "several apps in one deployment" {
	agent_start
	api PUT /v2/apps "[$(app db 'sleep 232323'),$(app web 'sleep 232323' ',"dependencies":["/db"]')]"
	answers 200 '"deploymentId"'
	until_running web 1
	until_running db 1
	no_deployment
	api PUT /v2/apps "[$(app db 'sleep 1' ',"disk":-1'),$(app new 'sleep 1')]"
	answers 422 '/disk'
	api GET /v2/apps/new
	answers 404
}

@test "what happens can be followed" {
	agent_start
	curl -sN --max-time 30 --unix-socket "$dir/run/agent.sock" -H 'Accept: text/event-stream' \
		'http://localhost/v2/events?event_type=deployment_success&event_type=status_update_event&event_type=app_terminated_event' \
		>"$dir/events" 2>/dev/null 3>&- 4>&- &
	stream=$!
	sleep 0.3
	api POST /v2/apps "$(app a 'sleep 232323')"
	until_running a 1
	api DELETE /v2/apps/a
	no_deployment
	for _ in $(seq 100); do grep -q app_terminated_event "$dir/events" && break; sleep 0.05; done
	kill "$stream"
	grep -q '^event: deployment_success' "$dir/events"
	grep -q '"taskStatus": *"TASK_RUNNING"' "$dir/events"
	grep -q '"taskStatus": *"TASK_KILLED"' "$dir/events"
	[ "$(grep -c '^event: deployment_info' "$dir/events")" = 0 ]
}
