# Goal: a person runs apps and jobs under profiles with the verbs alone: the real agent, real tasks, a refused call explained.
load helper
load agent

# An agent of our own with one more profile, and the verbs ask it.
start()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	mkdir -p "$dir/profiles"
	cp "$root/profiles/default.json" "$dir/profiles"
	cat >"$dir/profiles/still.json" <<-'END'
		{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		  {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"},
		  {"names": ["sethostname"], "action": "SCMP_ACT_KILL_PROCESS"}]}
	END
	agent_start
	export CALLGATE_HOST=unix://$dir/run/agent.sock
}

app()
{
	printf '{"id": "%s", "cmd": "%s", "cpus": 0.01, "mem": 32, "instances": %s, "backoffSeconds": 60,' "$1" "$2" "${3:-1}"
	printf ' "container": {"type": "MESOS", "linuxInfo": {"seccomp": {"profileName": "still.json"}}}}\n'
}

# within SECONDS COMMAND...: until it succeeds.
within()
{
	local until=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$until" ] || { echo "never: $*"; return 1; }
		sleep 0.2
	done
}
lists()
{
	"$callgate" "$1" | grep -qE "$2"
}

@test "an app runs under its profile, is scaled, restarted and deleted" {
	start
	separately "$callgate" apply -f <(app /web 'sleep 1000' 2) --wait
	[ "$status $stdout" = "0 app /web created" ]
	lists apps '^/web +2/2 .* still.json +sleep 1000'
	separately "$callgate" apply -f <(app /web 'sleep 1000' 2)
	[ "$stdout" = "app /web unchanged" ]
	for task in $("$callgate" ps -q); do
		pid=$("$callgate" inspect -f '{{.Pid}}' "$task")
		grep -q '^Seccomp:.*2$' "/proc/$pid/status"
	done
	separately "$callgate" scale /web=3 --wait
	exits 0
	lists apps '^/web +3/3'
	before=$("$callgate" ps -q | sort)
	separately "$callgate" restart /web --wait
	exits 0
	lists apps '^/web +3/3'
	[ -z "$(comm -12 <(printf '%s\n' "$before") <("$callgate" ps -q | sort))" ]
	separately "$callgate" profiles
	[[ $stdout =~ still.json\ +-\ +3\ +0\  ]]
	separately "$callgate" delete /web --wait
	exits 0
	[ -z "$("$callgate" apps -q)" ]
	[ -z "$("$callgate" ps -q)" ]
}

@test "a refused call is explained: in the app, in the task, in its output" {
	start
	"$callgate" apply -f <(app /still 'echo begin; mkdir /tmp/no; exec hostname no')
	refused()
	{
		"$callgate" describe /still | grep -q '^refused calls'
	}
	within 60 refused
	separately "$callgate" describe /still
	says "last failure  TASK_FAILED"
	[[ $stdout =~ sethostname\ \(170,\ x86_64\)\ +1\ +kill_process\ +still.json:3:[0-9]+\ +hostname ]] || [ "$(uname -m)" != x86_64 ]
	task=$("$callgate" ps -a --format '{{.Names}}' --filter name=still)
	separately "$callgate" logs "$task"
	exits 0
	[ "$stdout" = begin ]
	complains "Operation not permitted"
	# Root reads the log where it lies: with times, and both streams as one.
	separately "$callgate" logs -t --tail 1 "$task"
	[ -z "$stdout" ]
	[[ $stderr =~ ^20..-..-..T[0-9:.]*Z\ hostname:.*Operation\ not\ permitted|^20..-..-..T[0-9:.]*Z\ mkdir:.*Operation\ not\ permitted ]]
	separately "$callgate" logs --until 1h "$task"
	exits 0
	[ -z "$stdout$stderr" ]
	separately "$callgate" describe "$task"
	says "seccomp refused sethostname"
	"$callgate" events --since 1h --until 0s -f task="$task" | grep -q 'TASK_FAILED /still .*seccomp refused sethostname'
	"$callgate" delete /still --wait
}

@test "what the agent does not take is told with its reason" {
	start
	separately "$callgate" apply -f <(app /wrong 'x' | sed 's/"profileName"/"unconfined": true, "profileName"/')
	exits 1
	complains "Seccomp unconfined can NOT be true when Profile is defined"
	separately "$callgate" describe /wrong
	exits 1
	complains "no app '/wrong' is known to the agent"
}

@test "a job runs, says how it ended, and its output can be followed" {
	start
	printf '{"id": "work", "run": {"cmd": "echo one; sleep 1; echo two", "cpus": 0.01, "mem": 32, "disk": 0}}' >job.json
	separately "$callgate" apply -f job.json
	[ "$stdout" = "job work created" ]
	separately "$callgate" restart work
	[[ $stdout == "job work runs as "* ]]
	task=
	started()
	{
		task=$("$callgate" ps --format '{{.Names}}' --filter name=work)
		[ -n "$task" ]
	}
	within 60 started
	[ "$("$callgate" logs -f "$task")" = "one
two" ]
	within 60 lists jobs '^work +- +succeeded .* ago +1 +0 '
	separately "$callgate" delete job/work
	exits 0
	not lists jobs '^work'
}

@test "tasks are the same before and after the agent was started anew" {
	start
	"$callgate" apply -f <(app /stays 'sleep 1000') --wait
	before=$("$callgate" ps --format '{{.ID}} {{.Pid}}')
	agent_end
	separately "$callgate" ps
	exits 1
	complains "no agent answers at $CALLGATE_HOST"
	[ -n "$("$callgate" ps -q --state-dir "$dir/state/tasks")" ]
	agent_start
	[ "$("$callgate" ps --format '{{.ID}} {{.Pid}}')" = "$before" ]
	"$callgate" delete /stays --wait
}
