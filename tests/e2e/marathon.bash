# For .bats files about Marathon: `load marathon` behind `load agent`.
# shellcheck disable=SC2154,SC2034 # dir, code, body: agent.bash; what is set here is read there

# app ID CMD [MORE...]: a small definition.
app()
{
	local id=$1 cmd=$2
	shift 2
	printf '{"id":"/%s","cmd":"%s","cpus":0.1,"mem":32%s}' "$id" "$cmd" "$*"
}

seccomp()
{
	printf ',"container":{"type":"MESOS","linuxInfo":{"seccomp":{%s}}}' "$1"
}

# kills NAME CALLS: a profile NAME.json that ends a process for these calls.
kills()
{
	printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[%s],"action":"SCMP_ACT_KILL"}]}' "$2" >"$dir/profiles/$1.json"
	chmod 644 "$dir/profiles/$1.json"
}

# until_running ID N [SECONDS]: so many tasks of the app run; $body has the app.
until_running()
{
	until_api "/v2/apps/$1" "\"tasksRunning\": $2," "${3:-20}"
}

# Every deployment has ended, as a client that polls would see it.
no_deployment()
{
	local end=$((SECONDS + ${1:-20}))
	while [ $SECONDS -lt $end ]; do
		api GET /v2/deployments
		[ "$code $body" = "200 []" ] && return
		sleep 0.05
	done
	printf 'still there: %s %s\n' "$code" "$body"
	return 1
}

task_ids()
{
	api GET "/v2/apps/$1/tasks"
	grep -o '"id": "[^"]*\.instance-[^"]*"' <<<"$body" | sed 's/.*: "//; s/"$//' | sort -u
}

task_pid()
{
	api GET "/v2/apps/$1/tasks"
	grep -o '"pid": [0-9]*' <<<"$body" | head -n 1 | sed 's/.* //'
}
