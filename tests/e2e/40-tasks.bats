# Goal: a task that was started can be listed, followed, joined, signalled, stopped and removed, without any daemon, and in front
# of one the terminal is the task's and afterwards as it was.
load helper

teardown()
{
	cd / || return
	"$callgate" ps -q --state-dir "$dir/state" | while read -r id; do "$callgate" rm -f --state-dir "$dir/state" "$id" >/dev/null; done
	rm -rf "$dir"
}

cg()
{
	local verb=$1
	shift
	separately timeout 30 "$callgate" "$verb" --state-dir "$dir/state" "$@"
}

starts()
{
	"$callgate" help run | grep -q -- --state-dir || skip "run starts no containers in this build"
	[ "$(id -u)" = 0 ] || skip "needs root"
	cg run -d "$@"
	[ "$status" = 0 ] || skip "no containers here: $stderr"
	[[ $stdout =~ ^[0-9a-f]{64}$ ]]
	id=$stdout
}

# logs_have NAME TEXT: within a few seconds.
logs_have()
{
	for _ in $(seq 100); do
		"$callgate" logs --state-dir "$dir/state" "$1" 2>&1 | grep -q -- "$2" && return
		sleep 0.05
	done
	return 1
}

@test "-d returns an id; ps, wait, inspect and rm know the task by id, prefix and name" {
	starts --name web --label tier=front -- sh -c 'sleep 60'
	cg ps -q --no-trunc
	[ "$stdout" = "$id" ]
	cg ps --format '{{.Names}} {{.State}} {{.Labels}}'
	[ "$stdout" = "web running tier=front" ]
	for word in web "$id" "${id:0:12}" "${id:0:3}"; do
		cg inspect -f '{{.ID}} {{.State.Status}} {{.State.ExitCode}}' "$word"
		[ "$stdout" = "$id running " ] || { echo "$stdout$stderr"; return 1; }
	done
	cg rm web
	exits 1
	complains "is running"
	cg run -d --name web -- true
	exits 125
	complains "the name 'web' is taken"
	cg rm -f web
	exits 0
	cg ps -aq
	[ -z "$stdout" ]
}

@test "the exit code is kept; --rm keeps nothing" {
	starts --name three -- sh -c 'exit 3'
	cg wait three
	[ "$stdout" = 3 ]
	cg ps -a --format '{{.Status}}'
	says "Exited (3)"
	cg run --rm -- sh -c 'exit 4'
	exits 4
	cg ps -aq
	[ "$(wc -l <<<"$stdout")" = 1 ]
	[ "$(ls state/names)" = three ]
}

@test "logs keep the streams apart; -f goes on until the end" {
	starts --name talk -- sh -c 'echo out; echo err >&2; sleep 1; echo late'
	separately timeout 20 "$callgate" logs -f --state-dir "$dir/state" talk
	exits 0
	[ "$stdout" = "out
late" ] || { echo "$stdout"; return 1; }
	[ "$stderr" = err ]
}

@test "logs -f loses nothing while the files are rotated" {
	starts --name rows --log-opt max-size=64k --log-opt max-file=5 -- sh -c 'i=0; while [ $i -lt 20000 ]; do echo "row $i"; i=$((i+1)); done'
	timeout 25 "$callgate" logs -f --state-dir "$dir/state" rows >rows.txt 2>rows.err
	[ "$(tail -n 1 rows.txt)" = "row 19999" ]
	# What was dropped before it could be read is said; without that, all is there.
	if ! grep -q "output is missing" rows.err; then
		[ "$(wc -l <rows.txt)" = 20000 ]
	fi
	[ "$(ls state/containers/*/ | grep -c '^out')" -le 5 ]
}

@test "stop: the signal, and SIGKILL after the grace time; several at once" {
	starts --name kind --init -- sleep 60
	cg stop kind
	exits 0
	[ "$stdout" = kind ]
	cg wait kind
	[ "$stdout" = 143 ]
	starts --name deaf -- sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	starts --name deaf2 -- sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	before=$(date +%s)
	cg stop -t 1 deaf deaf2
	exits 0
	[ $(($(date +%s) - before)) -lt 10 ]
	cg wait deaf deaf2
	[ "$stdout" = "137
137" ]
	cg inspect -f '{{.State.Stopped}}' deaf
	[ "$stdout" = "SIGKILL after the grace time" ]
}

@test "kill sends one signal to the first process" {
	starts --name ear -- sh -c 'trap "echo heard; exit 5" USR1; echo ready; while :; do sleep 0.1; done'
	logs_have ear ready
	cg kill -s USR1 ear
	exits 0
	cg wait ear
	[ "$stdout" = 5 ]
	logs_have ear heard
	cg kill ear
	exits 1
}

@test "exec: into all of the task's control groups, or not at all" {
	starts --name box --pids-limit 20 -m 64m -- sleep 60
	groups=$(find /sys/fs/cgroup -type d -name "callgate-$id" 2>/dev/null || true) # others' groups go meanwhile
	[ -n "$groups" ] || skip "no limits here"
	cg exec -d box sleep 60
	exits 0
	for group in $groups; do
		[ "$(wc -l <"$group/cgroup.procs")" = 2 ] || { echo "$group"; return 1; }
	done
	for groups in memory pids ""; do
		[ -d "/sys/fs/cgroup/$groups" ] || continue
		separately unshare --mount --propagation=private sh -c 'umount -l "/sys/fs/cgroup/$1" && exec "$2" exec --state-dir "$3" box true' \
			- "$groups" "$callgate" "$dir/state"
		exits 125
	done
	complains "escape"
}

@test "exec: the same filter and capabilities, input, environment, directory, user, exit code" {
	starts --name box -- sleep 60
	task=$(cg inspect -f '{{.State.Pid}}' box && echo "$stdout")
	cg exec box sh -c 'grep -E "^(Seccomp|CapEff|CapBnd|CapInh|NoNewPrivs):" /proc/self/status; exit 7'
	exits 7
	[ "$stdout" = "$(grep -E '^(Seccomp|CapEff|CapBnd|CapInh|NoNewPrivs):' "/proc/$task/status")" ]
	says "Seccomp:	2"
	says "CapInh:	0000000000000000"
	[ "$(echo hello | "$callgate" exec -i --state-dir "$dir/state" box cat)" = hello ]
	printf '# no\nA=file\nB=file\n' >env
	# shellcheck disable=SC2016
	cg exec --env-file env -e A=word -w /tmp -u 1000:1000 box sh -c 'echo $A $B; pwd; id -u; id -g'
	[ "$stdout" = "word file
/tmp
1000
1000" ] || { echo "$stdout$stderr"; return 1; }
	cg exec box no-such-program
	exits 127
	cg exec box /
	exits 126
	cg exec --privileged box true
	exits 125
	complains "never more"
	cg exec -d box sh -c 'sleep 1'
	exits 0
	cg stop -t 0 box
	cg exec box true
	exits 125
	complains "is not running"
}

@test "nobody else can read or enter the state directory" {
	starts --name web -- sleep 60
	# work/ is the task's own; nobody else gets there through the directories above.
	find state -name work -prune -o -type d -perm /077 -print | { ! grep .; }
	find state -name work -prune -o -type f -perm /077 -print | { ! grep .; }
}

@test "a keeper that is killed leaves nothing running, and the task is lost" {
	starts --name orphan -- sh -c 'sleep 1000 & sleep 1000'
	keeper=$(cg inspect -f '{{.State.KeeperPid}}' orphan && echo "$stdout")
	task=$(cg inspect -f '{{.State.Pid}}' orphan && echo "$stdout")
	kill -KILL "$keeper"
	for _ in $(seq 100); do
		[ -e "/proc/$task" ] || break
		sleep 0.05
	done
	[ ! -e "/proc/$task" ]
	cg ps -a --format '{{.Status}}'
	[ "$stdout" = Lost ]
	[ -z "$(find /sys/fs/cgroup -type d -name "callgate-$id")" ]
	cg rm orphan
	exits 0
}

@test "in front: a reader that leaves ends the task" {
	starts -- true
	before=$(date +%s)
	timeout 20 "$callgate" run --rm --state-dir "$dir/state" -- yes | head -n 1 | grep -qx y
	[ $(($(date +%s) - before)) -lt 15 ]
}

@test "with a terminal: -it, its size, job control keys, the detach keys, ours as it was" {
	starts -- true
	timeout 60 python3 "$root/tests/e2e/terminal.py" "$callgate" "$dir/state" || return 1
}
