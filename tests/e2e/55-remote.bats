# Goal: the verbs that ask an agent, against a server that answers as one does.
load helper

# The fake agent ends with its standard input, a pipe that only we hold.
start_agent()
{
	mkfifo "$dir/.life"
	python3 "$root/tests/e2e/fake_agent.py" "$dir/a.sock" <"$dir/.life" >"$dir/.ready" &
	agent=$!
	exec 9>"$dir/.life"
	for _ in $(seq 200); do
		[ -s "$dir/.ready" ] && break
		sleep 0.05
	done
	[ -s "$dir/.ready" ]
	export CALLGATE_HOST=unix://$dir/a.sock
}

teardown()
{
	if [ -n "${agent:-}" ]; then
		exec 9>&-
		wait "$agent" || true
	fi
	cd / && rm -rf "$dir"
}

web()
{
	printf '{"id": "/web", "cmd": "./server --port 80", "cpus": 0.5, "mem": 64, "instances": %s,\n' "${1:-1}"
	printf ' "container": {"type": "MESOS", "linuxInfo": {"seccomp": {"profileName": "web.json"}}}}\n'
}
nightly()
{
	printf '{"id": "nightly", "run": {"cmd": "backup", "cpus": 0.1, "mem": 32, "disk": 0}}\n'
}

@test "without an agent each verb says so, and what to do" {
	for line in apps jobs profiles "describe /x" events "restart /x" "scale /x=1" "delete /x"; do
		# shellcheck disable=SC2086 # words
		separately "$callgate" $line --host "unix://$dir/none.sock"
		exits 1
		complains "callgate: no agent answers at unix://$dir/none.sock: No such file or directory"
		complains "hint: callgate agent starts one; --host or CALLGATE_HOST name another"
		[ -z "$stdout" ]
	done
	web >web.json
	separately "$callgate" apply -f web.json -H "unix://$dir/none.sock"
	exits 1
	complains "no agent answers at unix://$dir/none.sock"
}

@test "other reasons for no answer are told as well" {
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$dir/stale.sock"
	separately "$callgate" apps --host "unix://$dir/stale.sock"
	exits 1
	complains "no agent answers at unix://$dir/stale.sock: Connection refused"
	separately "$callgate" apps --host http://127.0.0.1:1
	exits 1
	complains "the host is neither unix:///PATH nor https://ADDRESS"
	separately "$callgate" apps --host https://127.0.0.1:1
	exits 1
	complains "no agent answers at https://127.0.0.1:1: Connection refused"
	if [ "$(id -u)" = 0 ]; then
		start_agent
		chmod 0600 a.sock
		chmod 0711 "$dir"
		CALLGATE_HOST='' separately setpriv --reuid=65534 --clear-groups "$callgate" apps --host "unix://$dir/a.sock"
		exits 1
		complains "no agent answers at unix://$dir/a.sock: Permission denied"
		complains "hint: only root and the group of the socket"
	fi
}

@test "apply says what was created, updated, unchanged" {
	start_agent
	web >web.json
	nightly >nightly.json
	separately "$callgate" apply -f web.json -f nightly.json
	exits 0
	[ "$stdout" = "app /web created
job nightly created" ]
	separately "$callgate" apply -f web.json -f nightly.json
	[ "$stdout" = "app /web unchanged
job nightly unchanged" ]
	separately "$callgate" apply -f <(web 2)
	[ "$stdout" = "app /web updated" ]
	printf '[%s, %s]' "$(web 2)" "$(nightly)" | "$callgate" apply -f - >out
	[ "$(cat out)" = "app /web unchanged
job nightly unchanged" ]
}

@test "apply sends numbers and schedules as they were written" {
	start_agent
	printf '{"id": "n", "run": {"cmd": "x", "cpus": 0.01, "mem": 32, "disk": 0}, "schedules": [{"id": "s", "cron": "0 3 * * *"}]}' >n.json
	"$callgate" apply -f n.json
	"$callgate" describe job/n --format json >out
	grep -q '"cpus": 0.01' out
	separately "$callgate" jobs
	says "0 3 * * *"
}

@test "apply tells what the agent refuses, with its place" {
	start_agent
	web | sed 's/"profileName"/"unconfined": true, "profileName"/' >bad.json
	separately "$callgate" apply -f bad.json
	exits 1
	complains "app '/web': Object is not valid; /container/linuxInfo/seccomp: Seccomp unconfined can NOT be true when Profile is defined"
	[ -z "$stdout" ]
}

@test "apply reads YAML: several documents, lists, places" {
	start_agent
	cat >all.yaml <<-'END'
		# an app and two jobs
		---
		id: /web
		cmd: ./server --port 80
		cpus: 0.5
		env: {DEBUG: "no"}
		--- # the jobs
		- {id: one, run: {cmd: "true", cpus: 0.1, mem: 32, disk: 0}}
		- id: two
		  run: {cmd: "true", cpus: 0.1, mem: 32, disk: 0}
		---
	END
	separately "$callgate" apply -f all.yaml
	exits 0
	[ "$stdout" = $'app /web created\njob one created\njob two created' ]
	"$callgate" describe /web --format json | grep -q '"env": *{"DEBUG": *"no"}'
	"$callgate" apply -f - <all.yaml >out
	[ "$(cat out)" = $'app /web unchanged\njob one unchanged\njob two unchanged' ]
	# Of a file with an error nothing is sent, whichever document has it.
	printf 'id: /new\ncmd: x\n---\nid: /other\nfoo: x\n' >bad.yaml
	separately "$callgate" apply -f bad.yaml
	exits 1
	complains "bad.yaml:4:1: this is neither a Marathon app"
	printf 'id: /new\ncmd: x\n---\nid: /other\ncmd: &a x\n' >bad.yaml
	separately "$callgate" apply -f bad.yaml
	exits 1
	complains "bad.yaml:5:9: anchors are not read here"
	printf -- '---\n# nothing\n' >none.yaml
	separately "$callgate" apply -f none.yaml
	exits 1
	complains "none.yaml: there is no definition in it"
	not grep -x /new <("$callgate" apps -q)
}

@test "words of completion come from the agent, and none without one" {
	start_agent
	"$callgate" apply -f <(web) -f <(nightly)
	[ "$("$callgate" completion --words=apps)" = /web ]
	[ "$("$callgate" completion --words=owners)" = $'/web\nnightly' ]
	"$callgate" completion --words=things | grep -qx web.json
	"$callgate" completion --words=any-tasks | grep -qx web.instance-1._app.1
	CALLGATE_HOST=unix://$dir/none.sock separately "$callgate" completion --words=things
	exits 0
	[ -z "$stdout$stderr" ]
}

@test "apply looks at a whole file before it sends any of it" {
	start_agent
	printf '[%s,\n {"id": "x"}]' "$(web)" >two.json
	separately "$callgate" apply -f two.json
	exits 1
	complains "two.json:3:2: this is neither a Marathon app (cmd, args or container) nor a Metronome job (run)"
	[ -z "$("$callgate" apps -q)" ]
	printf '{"id": "/g",\n "groups": []}' >group.json
	separately "$callgate" apply -f group.json
	complains "group.json:2:2: this is a Marathon group"
	printf '{"apiVersion": "v1"}' >pod.json
	separately "$callgate" apply -f pod.json
	exits 1
	complains "pod.json:1:2: this is a Kubernetes object"
	printf '{"cmd": "x"}' >noid.json
	separately "$callgate" apply -f noid.json
	complains "noid.json:1:1: the definition has no id"
	printf '{"cmd": x}' >broken.json
	separately "$callgate" apply -f broken.json
	exits 1
	complains "broken.json:1:9: "
	separately "$callgate" apply -f absent.json
	exits 1
	complains "cannot read 'absent.json'"
	separately "$callgate" apply
	exits 1
	complains "'-f FILE' says what to apply"
}

@test "apply --wait waits for the deployment, but not for ever" {
	start_agent
	separately "$callgate" apply -f <(web) --wait
	exits 0
	separately "$callgate" apply -f <(web | sed 's,/web,/stuck,') --wait --timeout 1
	exits 1
	complains "app '/stuck' is not done after 1 seconds; its last task failed: Command terminated with signal Bad system call"
}

@test "apps lists them" {
	start_agent
	"$callgate" apply -f <(web 2)
	separately "$callgate" apps
	exits 0
	says "ID    TASKS"
	[[ $stdout =~ /web\ +1/2\ +-\ +-\ +0.5\ +64\ +web.json\ +./server\ --port\ 80 ]]
	[ "$("$callgate" apps -q)" = /web ]
	"$callgate" apps --format json | python3 -c 'import json, sys; assert json.load(sys.stdin)["apps"][0]["id"] == "/web"'
}

@test "jobs lists them" {
	start_agent
	"$callgate" apply -f <(nightly)
	separately "$callgate" jobs
	exits 0
	[[ $stdout =~ nightly\ +-\ +failed\ .*\ ago\ +2\ +1\ +-\ +-\ +backup ]]
	[ "$("$callgate" jobs -q)" = nightly ]
}

@test "profiles lists them, and shows one" {
	start_agent
	separately "$callgate" profiles
	exits 0
	[[ $stdout =~ web.json\ +-\ +1\ +1\ +1\ +abababababab\ +cdcdcdcdcdcd ]]
	[[ $stdout =~ bad.json\ +default,\ not\ allowed\ .*unknown\ action ]]
	separately "$callgate" profiles web.json
	exits 0
	says "profile web.json"
	says "12:5"
	says "this rule can never decide anything"
	says "tasks that were started under an older text of it"
	separately "$callgate" describe profile/none.json
	exits 1
	complains "no profile 'none.json' is known to the agent"
}

@test "describe shows an app, its tasks, and the calls that were refused to them" {
	start_agent
	"$callgate" apply -f <(web)
	separately "$callgate" describe /web
	exits 0
	says "app /web"
	says "last failure  TASK_FAILED"
	says "web.instance-1._app.1"
	says "refused calls"
	[[ $stdout =~ ptrace\ \(101,\ x86_64\)\ +3\ +kill_process\ +web.json:40:9\ +ser.x1bver\ +web.instance ]]
	not grep -q $'\033' <<<"$stdout"
}

@test "describe shows a task and a job, and finds out which one is meant" {
	start_agent
	"$callgate" apply -f <(nightly)
	separately "$callgate" describe web.instance-1._app.1
	exits 0
	says "task web.instance-1._app.1"
	says "end           killed by SIGSYS"
	says "profile       web.json"
	says "ptrace (101, x86_64)"
	separately "$callgate" describe nightly
	exits 0
	says "job nightly"
	says "history       2 succeeded, 1 failed"
	[[ $stdout =~ 20261123030000abcde\ +FAILED\ .*refused\ ptrace ]]
	"$callgate" apply -f <(web | sed 's,/web,/nightly,')
	separately "$callgate" describe nightly
	exits 1
	complains "'nightly' is both: say app/nightly or job/nightly"
	separately "$callgate" describe job/nightly /nightly
	exits 0
	says "job nightly"
	says "app /nightly"
	separately "$callgate" describe nothing
	exits 1
	complains "no app or job or task or profile 'nothing' is known to the agent"
}

@test "restart, scale and delete change what they name" {
	start_agent
	"$callgate" apply -f <(web) -f <(nightly)
	separately "$callgate" restart /web --wait
	[ "$status $stdout" = "0 app /web restarts" ]
	separately "$callgate" restart nightly
	[ "$status $stdout" = "0 job nightly runs as 20261123040000fghij" ]
	separately "$callgate" scale web=3 --wait
	[ "$status $stdout" = "0 app web gets 3 tasks" ]
	says "3 tasks"
	"$callgate" apps | grep -q 1/3
	for wrong in web web= =3 web=-1 web=x; do
		separately "$callgate" scale "$wrong"
		exits 1
		complains "'$wrong' is not APP=NUMBER"
	done
	separately "$callgate" scale nope=1
	exits 1
	complains "App '/nope' does not exist"
	separately "$callgate" delete nightly
	exits 1
	complains "There are active job runs"
	separately "$callgate" delete --force nightly /web
	[ "$status $stdout" = "0 job nightly deleted
app /web deleted" ]
	[ -z "$("$callgate" apps -q)$("$callgate" jobs -q)" ]
}

@test "events shows what has happened since then, until then, and what fits" {
	start_agent
	separately "$callgate" events --since 2019-01-01 --until 0s
	exits 0
	[ "$(wc -l <<<"$stdout")" = 3 ]
	says "2026-01-01T00:00:00.000Z status_update_event TASK_FAILED /web t-2: gone \\x1b[31mwrong"
	separately "$callgate" events --since 2025-01-01 --until 0s --filter type=status_update_event --format json
	[ "$(wc -l <<<"$stdout")" = 1 ]
	python3 -c 'import json, sys; assert json.loads(sys.argv[1])["taskId"] == "t-2"' "$stdout"
	separately "$callgate" events --since 2019-01-01 --until 0s -f status=TASK_RUNNING -f status=TASK_FAILED -f app=/web
	[ "$(wc -l <<<"$stdout")" = 2 ]
	separately "$callgate" events --since 2019-01-01 --until 2021-01-01
	[ "$(wc -l <<<"$stdout")" = 1 ]
	separately "$callgate" events --filter typ=x
	exits 1
	complains "unknown filter 'typ' (did you mean 'type'?)"
	separately "$callgate" events --filter type
	complains "filter 'type' needs a value: type=VALUE"
}

@test "events follows until it is interrupted, and leaves no helper behind" {
	start_agent
	"$callgate" events >out &
	pid=$!
	sleep 0.3
	helper=$(pgrep -P "$pid" -x callgate-http)
	kill -INT "$pid" 2>/dev/null || kill "$pid"
	kill "$pid" 2>/dev/null || true
	wait "$pid" || true
	for _ in $(seq 100); do
		kill -0 "$helper" 2>/dev/null || return 0
		sleep 0.05
	done
	echo "callgate-http $helper is still there"
	return 1
}

@test "ps, inspect and logs know the agent's tasks" {
	start_agent
	separately "$callgate" ps -a
	exits 0
	[[ $stdout =~ c-1\ +-\ +\"./server\ --port\ 80\".*Exited\ \(159\)\ .*\ ago,\ killed\ by\ seccomp\ +web.json\ +web.instance-1._app.1 ]]
	[ -z "$("$callgate" ps -q)" ]
	[ "$("$callgate" ps -aq --filter status=killed)" = c-1 ]
	[ "$("$callgate" ps -a --format '{{.Names}} {{.ExitCode}} {{.Refused}}')" = "web.instance-1._app.1 159 1" ]
	"$callgate" inspect web.instance-1._app.1 | python3 -c '
import json, sys
[task] = json.load(sys.stdin)
assert task["schemaVersion"] == 1 and task["containerId"] == "c-1" and task["denials"][0]["place"] == "web.json:40:9"'
	[ "$("$callgate" inspect -f '{{.State}}' web.instance-1._app.1)" = TASK_FAILED ]
	separately "$callgate" inspect none
	exits 1
	complains "no task 'none' is known to the agent"
	separately "$callgate" logs web.instance-1._app.1
	exits 0
	[ "$stdout" = "$(printf 'one\ntwo\nthree \xff')" ]
	[ "$stderr" = "oops" ]
	[ "$("$callgate" logs --tail 2 web.instance-1._app.1 2>/dev/null)" = "$(printf 'two\nthree \xff')" ]
	[ "$("$callgate" logs --tail 1 -f web.instance-1._app.1 2>&1 >/dev/null)" = oops ]
	separately "$callgate" logs -t web.instance-1._app.1
	exits 1
	complains "'--timestamps' is not for tasks of an agent"
}

@test "with --state-dir, or without an agent, ps shows what is here" {
	start_agent
	mkdir -m 0700 state
	separately "$callgate" ps -aq --state-dir state
	exits 0
	[ -z "$stdout" ]
	separately "$callgate" ps --host "unix://$dir/none.sock"
	exits 1
	complains "no agent answers at unix://$dir/none.sock"
}
