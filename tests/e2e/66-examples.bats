# Goal: the definitions that DC/OS documents work as they are in examples/agent: posted by a plain HTTP client, run by the real agent.
load helper
load agent
load marathon

# start_examples [PROFILE...]: an agent that has these profiles of the examples, too.
start_examples()
{
	agent_start
	for name in "$@"; do
		install -m 644 "$root/examples/agent/$name" "$dir/profiles/"
	done
}

example()
{
	api POST "$1" "@$root/examples/agent/$2"
}

# The one task of the app: its shell in $pid, a keeper's child, and what that runs in $sleep.
one_task()
{
	until_running "$1" 1
	pid=$(task_pid "$1")
	grep -qzx callgate-keeper "/proc/$(sed -n 's/^PPid:	//p' "/proc/$pid/status")/cmdline"
	for _ in $(seq 200); do
		sleep=$(tr -d ' ' <"/proc/$pid/task/$pid/children")
		[ -n "$sleep" ] && grep -qzx sleep "/proc/$sleep/cmdline" && return
		sleep 0.05
	done
	return 1
}

@test "a service that sleeps runs under the default profile" {
	start_examples
	example /v2/apps app-default.json
	answers 201 '"id": "/examples/sleeper"'
	one_task examples/sleeper
	[[ $body == *'"name": "default.json"'* && $body == *'"unconfined": false'* ]]
	grep -q '^Seccomp:	2' "/proc/$sleep/status"
	api DELETE /v2/apps/examples/sleeper
	answers 200
	no_deployment
	[ ! -e "/proc/$pid" ]
}

@test "one that is unconfined has no filter" {
	start_examples
	example /v2/apps app-unconfined.json
	answers 201 '"unconfined": true'
	one_task examples/unconfined
	[ "$(sed -n 's/^Seccomp_filters:	//p' "/proc/$sleep/status")" = "$(sed -n 's/^Seccomp_filters:	//p' /proc/self/status)" ]
}

@test "one under relaxed.json does what the default refuses" {
	start_examples relaxed.json
	example /v2/apps app-relaxed.json
	answers 201 '"profileName": "relaxed.json"'
	one_task examples/relaxed
	[[ $body == *'"name": "relaxed.json"'* ]]
	grep -q '^Seccomp:	2' "/proc/$sleep/status"
	[ "$(cat "/proc/$sleep/personality")" = 00040000 ]
	api POST /v2/apps "$(app strict 'setarch --addr-no-randomize sleep 100000')"
	answers 201
	until_api /v2/apps/strict 'Command exited with status 1'
}

@test "a job with a schedule, and one that its profile ends" {
	start_examples no-mkdir.json
	example /v0/scheduled-jobs job-nightly.json
	answers 201 '"cron": "20 0 * * *"'
	[[ $body == *'T00:20:00.000+0000"'* ]]
	api POST /v1/jobs/examples.nightly/runs
	answers 201
	until_api '/v1/jobs/examples.nightly?embed=historySummary' '"successCount": 1'
	example /v1/jobs job-killed.json
	answers 201 '"profileName": "no-mkdir.json"'
	api POST /v1/jobs/examples.killed/runs
	answers 201
	until_api '/v1/jobs/examples.killed?embed=history' '"failureCount": 1'
	[[ $body == *'Command terminated with signal Bad system call'* ]]
	[[ $body == *'"profile": "no-mkdir.json"'* ]]
	if [[ $body != *'which one is not known'* ]]; then # the audit log can be read
		[[ $body =~ 'seccomp refused mkdir'(at)?' ('[0-9]+', '$(uname -m)') by no-mkdir.json:4:' ]]
	fi
	"$callgate" ps -aq --state-dir "$dir/state/tasks" | while read -r id; do
		"$callgate" logs --state-dir "$dir/state/tasks" "$id" >>"$dir/out"
	done
	grep -qx before "$dir/out"
}
