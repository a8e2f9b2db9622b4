# Goal: a program runs under its profile with everybody's exit codes, and a refused call is named with its line.
load helper

# A plain process of the host under its filter: it sees the test's directory. Containers are in 25-run-task.
plain()
{
	"$callgate" run --state-dir="$dir/state" --rm --isolation=linux/seccomp "$@"
}

runs()
{
	# A sandbox around the tests may forbid filters; then there is nothing to see here.
	plain -- true 2>/dev/null || skip "no filter can be loaded here: $(plain -- true 2>&1 | head -n 1)"
}

# The kernel's audit records can be read, counted and fenced: then nothing may be missing from a report.
audits()
{
	for row in audit-group audit-lost audit-fence; do
		"$callgate" doctor --format=json | grep -q "\"$row\".*\"yes\"" || skip "no $row here"
	done
}

@test "exit codes: the program's own, not found, not executable, killed by a signal, our own" {
	runs
	separately plain -- sh -c 'exit 3'
	exits 3
	separately plain -- no-such-program-anywhere
	exits 127
	touch plain
	separately plain -- ./plain
	exits 126
	separately plain -- sh -c 'kill -TERM $$'
	exits 143
	separately plain --profile=nothing.json -- true
	exits 125
	separately "$callgate" run --no-such-option -- true
	exits 125
	separately "$callgate" run
	exits 125
}

@test "standard input, output and error are the program's" {
	runs
	[ "$(printf 'in' | plain -- sh -c 'cat; echo err >&2' 2>err)" = in ]
	[ "$(cat err)" = err ]
}

@test "a stream that the caller has closed is /dev/null, and no descriptor of ours" {
	runs
	for closed in 0 1 2; do
		(
			eval "exec $closed<&-"
			plain -- sh -c '[ /dev/fd/"$1" -ef /dev/null ]' sh "$closed"
		)
	done
}

@test "options behind the command are the command's" {
	runs
	separately plain -- echo --help -x
	[ "$stdout" = "--help -x" ]
	separately plain echo --profile=x
	[ "$stdout" = "--profile=x" ]
}

@test "a call that the filter kills for is reported with name, number, architecture and line" {
	runs
	[ "$(uname -m)" = x86_64 ] || skip "the line is for x86_64"
	cat >kill.json <<-'EOF'
		{ "defaultAction": "SCMP_ACT_ALLOW",
		  "syscalls": [
		    { "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS" }
		  ] }
	EOF
	separately plain --profile=kill.json -- mkdir new
	exits 159
	[ ! -e new ]
	audits
	complains "killed by seccomp: mkdir (83, x86_64): kill.json:3:17"
}

@test "--log reports refused calls, counted, and says whether that is all" {
	runs
	cat >deny.json <<-'EOF'
		{ "defaultAction": "SCMP_ACT_ALLOW",
		  "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13 }] }
	EOF
	separately plain --log --profile=deny.json -- sh -c 'mkdir one; mkdir two; true'
	exits 0
	[ ! -e one ]
	audits
	complains "refused 2 × mkdir"
	complains "= errno EACCES: deny.json:2:28"
	complains "the report is complete"
	separately plain --log --format=json --profile=deny.json -- mkdir one
	python3 - "$(grep '^{' <<<"$stderr")" <<-'EOF'
		import json, sys
		row = json.loads(sys.argv[1])
		assert row["syscall"] in ("mkdir", "mkdirat") and row["errno"] == "EACCES" and row["rule"]["line"] == 2 and row["count"] == 1, row
	EOF
}

@test "in a container as well, and of a process that exec started" {
	runs
	audits
	[ "$(id -u)" = 0 ] || skip "needs root"
	cat >deny.json <<-'EOF'
		{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		  { "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13 },
		  { "names": ["rmdir"], "action": "SCMP_ACT_KILL_PROCESS" }] }
	EOF
	# Several times: what comes too late must be waited for.
	for _ in 1 2 3 4 5; do
		separately "$callgate" run --state-dir="$dir/state" --rm --profile=deny.json --log -- mkdir x
		exits 1
		complains "refused 1 × mkdir"
		complains "= errno EACCES: deny.json:2:15, by 'mkdir'"
		complains "the report is complete"
	done
	task=$("$callgate" run --state-dir="$dir/state" -d --rm --profile=deny.json -- sleep 60)
	separately "$callgate" exec --state-dir="$dir/state" "$task" rmdir x
	exits 159
	complains "killed by seccomp: rmdir"
	separately "$callgate" stop --state-dir="$dir/state" --time=0 "$task"
	exits 0
}

@test "unconfined is said" {
	separately plain --profile=unconfined -- true
	exits 0
	complains "without a filter"
}

@test "a profile that cannot be read runs nothing" {
	printf '{' >broken.json
	separately plain --profile=broken.json -- touch ran
	exits 125
	[ ! -e ran ]
	printf '{}' >empty.json
	separately plain --profile=empty.json -- touch ran
	exits 125
	[ ! -e ran ]
}

@test "the program has the capabilities that the profile was resolved for" {
	runs
	[ "$(id -u)" = 0 ] || skip "needs root"
	separately plain --isolation=linux/seccomp,linux/capabilities --cap-drop=ALL -- grep ^CapEff /proc/self/status
	says 0000000000000000
	separately plain --isolation=linux/seccomp,linux/capabilities -- grep ^CapBnd /proc/self/status
	says 00000000a80425fb
	separately plain -- grep ^CapBnd /proc/self/status
	says "$(grep ^CapBnd /proc/self/status)"
}

@test "a process under a filter has exactly the policy of the profile" {
	runs
	plain --isolation=linux/seccomp,linux/capabilities -- sleep "30.$$" &
	launcher=$!
	child=
	for _ in $(seq 100); do
		child=$(pgrep -xf "sleep 30.$$") && break
		sleep 0.05
	done
	separately "$callgate" diff "pid:$child" default
	got=$status
	kill "$launcher" 2>/dev/null
	wait "$launcher" || true
	[ "$got" != 2 ] || skip "filters of processes cannot be read here: $stderr"
	[ "$got" = 0 ] || { echo "$stdout"; return 1; }
}

@test "a process under several filters has the strictest of them for each call" {
	runs
	refuses() { printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["%s","acct"],"action":"%s"}]}' "$1" "$2"; }
	refuses swapon SCMP_ACT_ERRNO >outer.json
	refuses swapoff SCMP_ACT_KILL_PROCESS >inner.json
	plain --isolation=linux/seccomp --security-opt seccomp=outer.json -- "$callgate" run --state-dir="$dir/state2" --rm \
		--isolation=linux/seccomp --security-opt seccomp=inner.json -- sleep "40.$$" &
	launcher=$!
	child=
	for _ in $(seq 100); do
		child=$(pgrep -xf "sleep 40.$$") && break
		sleep 0.05
	done
	printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[%s,%s]}' '{"names":["swapon"],"action":"SCMP_ACT_ERRNO"}' \
		'{"names":["swapoff","acct"],"action":"SCMP_ACT_KILL_PROCESS"}' >both.json
	separately "$callgate" diff "pid:$child" both.json
	got=$status
	kill "$launcher" 2>/dev/null
	wait "$launcher" || true
	[ "$got" != 2 ] || skip "filters of processes cannot be read here: $stderr"
	[ "$got" = 0 ] || { echo "$stdout"; return 1; }
}

@test "in a pid namespace a refused call of the program is still named" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	unshare --pid --fork --mount-proc true 2>/dev/null || skip "no pid namespace to be had here"
	"$callgate" doctor --format=json | grep -q '"audit-group".*"yes"' || skip "no audit records here"
	separately unshare --pid --fork --mount-proc "$callgate" run --state-dir="$dir/state" --rm \
		--isolation=linux/seccomp,linux/capabilities --log -- mount -t tmpfs none "$dir"
	exits 32
	complains "refused 1 × mount (165, x86_64) = errno EPERM: default:"
}
