# Goal: what is kept of tasks is shown completely, safely, and in the forms that docker's users expect. The tasks are made by
# hand (tasks.py), so nothing here needs to start one.
load helper

task()
{
	python3 "$root/tests/e2e/tasks.py" "$dir/state" "$@"
}

cg()
{
	local verb=$1
	shift
	separately "$callgate" "$verb" --state-dir "$dir/state" "$@"
}

@test "an empty state directory is made private and has no tasks" {
	cg ps -a
	exits 0
	[ "$(stat -c %a state)" = 700 ]
	[ "$(wc -l <<<"$stdout")" = 1 ]
	cg ps -aq
	[ -z "$stdout" ]
}

@test "what is not there is named, with status 1" {
	for verb in logs stop kill rm wait; do
		cg "$verb" nothing
		exits 1
		complains "no such container: 'nothing'"
	done
	cg inspect nothing
	exits 1
	[ "$stdout" = "[]" ]
	cg inspect ../../etc
	exits 1
	complains "neither an id nor a name"
}

@test "ps shows ended tasks with -a, the newest first, and why they ended" {
	task done status=0 created_ns=1 >/dev/null
	task bad status=3 created_ns=2 >/dev/null
	task gone state=2 outcome=0 created_ns=3 >/dev/null
	task shot outcome=2 signal=31 created_ns=4 >/dev/null
	task late outcome=2 signal=15 by_timeout=1 created_ns=5 >/dev/null
	task fat outcome=2 signal=9 oom_kills=1 created_ns=6 >/dev/null
	task missing outcome=4 sys=2 created_ns=7 >/dev/null
	cg ps
	[ "$(wc -l <<<"$stdout")" = 1 ]
	cg ps -a --format '{{.Names}}: {{.Status}}'
	exits 0
	[ "$(sed 's/[0-9]* seconds/N seconds/' <<<"$stdout")" = "missing: Exited (127) N seconds ago, not started
fat: Exited (137) N seconds ago, out of memory
late: Exited (124) N seconds ago, out of time
shot: Exited (159) N seconds ago, killed by seccomp
gone: Lost
bad: Exited (3) N seconds ago
done: Exited (0) N seconds ago" ] || { echo "$stdout"; return 1; }
	cg ps -l --format '{{.Names}}'
	[ "$stdout" = missing ]
	cg ps -n 2 --format '{{.Names}}'
	[ "$stdout" = "missing
fat" ]
}

@test "ps filters by name, status, code, label and id" {
	a=$(task web status=0 'config={"labels":{"tier":"front","v":"1"}}' id=aaaa000000000000000000000000000000000000000000000000000000000000)
	task db status=3 'config={"labels":{"tier":"back"}}' >/dev/null
	task lost state=2 outcome=0 >/dev/null
	names() { cg ps -a --format '{{.Names}}' "$@"; exits 0; }
	names --filter name=we && [ "$stdout" = web ]
	names --filter status=lost && [ "$stdout" = lost ]
	names --filter exited=3 && [ "$stdout" = db ]
	names --filter label=tier=front && [ "$stdout" = web ]
	names --filter label=tier --filter label=v && [ "$stdout" = web ]
	names --filter id=aaaa && [ "$stdout" = web ]
	names --filter name=web --filter name=db && [ "$(wc -l <<<"$stdout")" = 2 ]
	names --filter name=web --filter status=lost && [ -z "$stdout" ]
	cg ps --filter colour=red
	exits 1
	complains "unknown filter 'colour'"
	cg ps --filter status=runing
	exits 1
	complains "did you mean 'running'?"
	cg ps -a --format '{{.Label "tier"}}|{{.Labels}}' --filter id="$a"
	[ "$stdout" = "front|tier=front,v=1" ]
}

@test "ps has JSON, one object a line, and tables out of templates" {
	task web status=0 'config={"args":["sh","-c","a long command line that is cut"],"profile":{"source":"default"}}' >/dev/null
	task two status=1 >/dev/null
	cg ps -a --format json
	[ "$(python3 -c 'import json,sys; print([json.loads(l)["exitCode"] for l in sys.stdin])' <<<"$stdout")" = "[1, 0]" ]
	cg ps -a --format 'table {{.Names}}\t{{.ExitCode}}'
	[ "$stdout" = "NAMES  EXIT CODE
two    1
web    0" ] || { echo "$stdout"; return 1; }
	cg ps -a --filter name=web --format '{{.Command}} {{.Profile}}'
	[ "$stdout" = '"sh -c a long comman…" default' ] || { echo "$stdout"; return 1; }
	cg ps -a --no-trunc --filter name=web --format '{{.Command}} {{len .ID}}'
	[ "$stdout" = '"sh -c a long command line that is cut" 64' ]
}

@test "templates: what is wrong is said with its place" {
	task web status=0 >/dev/null
	for bad in '{{.ID' '{{ID}}' '{{range .ID}}' '{{end}}' '{{.ID | upper}}' '{{index .Labels}' '{{..}}'; do
		cg ps -a --format "$bad"
		exits 1
		complains "in --format at character"
	done
	cg ps -a --format '{{.Naems}}'
	exits 1
	complains "there is no field 'Naems' (did you mean 'names'?)"
	cg inspect -f '{{.State.ExitCode}} {{if .State.Running}}up{{else}}down{{end}} {{range .Denials}}x{{end}}{{json .Name}}' web
	exits 0
	[ "$stdout" = '0 down "web"' ] || { echo "$stdout"; return 1; }
}

@test "control bytes of hostile names do not reach the terminal" {
	task web status=0 'config={"args":["\u001b[2Jevil\u0007"],"image":{"reference":"\u001b]0;x\u0007"},"labels":{"a\u001b":"\u001bb"}}' \
		"denial=0xc000003e,165,0x50000,0,1,5,1,$(printf '\033[2J')" >/dev/null
	for arguments in '' '--format {{.Command}}{{.Labels}}{{.Image}}' '--format json'; do
		# shellcheck disable=SC2086
		cg ps -a $arguments
		exits 0
		not grep -q $'[\033\007]' <<<"$stdout"
	done
	cg inspect web
	not grep -q $'[\033\007]' <<<"$stdout"
}

@test "wait prints exit codes; a lost task is no code" {
	task web status=7 >/dev/null
	task other outcome=2 signal=9 >/dev/null
	task third state=2 outcome=0 >/dev/null
	cg wait web other
	exits 0
	[ "$stdout" = "7
137" ]
	cg wait third
	exits 1
	complains "is lost"
}

@test "rm removes what has ended, by name, prefix and --all" {
	id=$(task web status=0)
	task other status=0 >/dev/null
	task third state=2 outcome=0 >/dev/null
	cg rm "${id:0:12}"
	exits 0
	[ "$stdout" = "${id:0:12}" ]
	[ ! -e "state/containers/$id" ]
	[ ! -L state/names/web ]
	cg rm web
	exits 1
	cg rm -f web
	exits 0
	cg rm
	exits 1
	cg rm --all other
	exits 1
	cg rm --all
	exits 0
	[ "$(wc -l <<<"$stdout")" = 2 ]
	[ -z "$(ls state/containers state/names | grep -v :)" ]
}

@test "stop of what has ended is no failure, kill is" {
	task web status=0 >/dev/null
	cg stop web
	exits 0
	[ "$stdout" = web ]
	cg kill web
	exits 1
	complains "is not running"
	cg kill -s TREM web
	exits 1
	complains "did you mean 'TERM'?"
	cg stop -t soon web
	exits 1
	complains "'--time' takes seconds"
}

@test "inspect names the refused calls with their lines while the profile is the same" {
	[ "$(uname -m)" = x86_64 ] || skip "the numbers are those of x86_64"
	cat >web.json <<-'EOF'
		{ "defaultAction": "SCMP_ACT_ALLOW",
		  "syscalls": [
		    { "names": ["mount"], "action": "SCMP_ACT_KILL_PROCESS" },
		    { "names": ["keyctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1 }
		  ] }
	EOF
	digest=sha256:$(sha256sum web.json | cut -d ' ' -f 1)
	task web outcome=2 signal=31 denial=0xc000003e,165,0x80000000,31,1,5,1,sh denial=0xc000003e,250,0x50000,0,3,6,0,keyctl \
		"config={\"profile\":{\"source\":\"$dir/web.json\",\"textDigest\":\"$digest\",\"meaningDigest\":\"sha256:0\"},\"args\":[\"sh\"]}" >/dev/null
	cg inspect web
	exits 0
	python3 - "$dir" <<-'EOF'
		import json, sys
		t = json.load(open(sys.argv[1] + "/.stdout"))[0]
		assert t["state"]["exitCode"] == 159 and t["state"]["signal"] == "SIGSYS" and t["state"]["seccompKilled"], t
		first, second = t["denials"]
		assert first["syscall"] == "mount" and first["verdict"] == "kill_process" and first["rule"]["line"] == 3, first
		assert second["syscall"] == "keyctl" and second["errno"] == "EPERM" and second["count"] == 3, second
		assert second["rule"] == {"file": sys.argv[1] + "/web.json", "line": 4, "column": 17}, second
		assert t["denialRecord"] == {"complete": True, "gaps": None, "lost": 0, "unattributed": 0, "places": None}, t
		assert t["profile"]["meaningDigest"] == "sha256:0" and t["args"] == ["sh"] and t["schemaVersion"] == 1
	EOF
	echo >>web.json
	cg inspect -f '{{range .Denials}}{{.Syscall}} {{.Rule}};{{end}} {{.DenialRecord.Places}}' web
	[ "$stdout" = "mount ;keyctl ; the profile was changed since: refused calls are shown without their lines" ] || { echo "$stdout"; return 1; }
	rm web.json
	cg inspect -f '{{.DenialRecord.Places}}' web
	says "cannot be read any more"
}

@test "inspect says why a record may lack calls" {
	task web status=0 gaps=0x6 lost=12 >/dev/null
	cg inspect -f '{{.DenialRecord.Complete}}: {{.DenialRecord.Gaps}}' web
	[ "$stdout" = "false: the kernel was asked to write down kills only (--log asks for all); 12 records were lost" ] || { echo "$stdout"; return 1; }
}

@test "broken records and configurations are shown as such" {
	id=$(task web status=0)
	truncate -s 100 "state/containers/$id/record"
	printf '{"a":' >"state/containers/$id/config.json"
	cg ps -a --format '{{.Status}}'
	exits 0
	[ "$stdout" = "Lost, its record is broken" ]
	cg inspect web
	exits 0
	python3 -m json.tool <<<"$stdout" >/dev/null
	cg rm web
	exits 0
}

@test "logs: streams apart, lines from the end, times, across files" {
	task web status=0 out='one\ntwo\n' err='bad\n' rotate=1 out='three\nfo' out='ur\n' err='worse\n' >/dev/null
	cg logs web
	exits 0
	[ "$stdout" = "one
two
three
four" ] || { echo "$stdout"; return 1; }
	[ "$stderr" = "bad
worse" ]
	# In one file they are in the order of the log.
	"$callgate" logs --state-dir="$dir/state" web >both 2>&1
	[ "$(head -n 2 both)" = "one
two" ] && [ "$(sed -n 3p both)" = bad ] || { cat both; return 1; }
	cg logs --tail 2 web
	[ "$stdout" = four ] || { echo "$stdout"; return 1; }
	[ "$stderr" = worse ]
	cg logs -n 0 web
	[ -z "$stdout$stderr" ]
	cg logs -f web
	exits 0
	says four
	cg logs -t web
	[ "$(grep -cE '^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9:]{8}\.[0-9]{9}Z (one|two|three|four)$' <<<"$stdout")" = 4 ] || { echo "$stdout"; return 1; }
	cg logs --since 8m30s web
	[ "$stdout" = "three
four" ] || { echo "$stdout"; return 1; }
	cg logs --until 8m30s web
	[ "$stdout" = "one
two" ]
	cg logs --since yesterday web
	exits 1
	complains "'yesterday' is no time"
	cg logs --tail some web
	exits 1
}

@test "a damaged log is read as far as it goes, and that is said" {
	id=$(task web status=0 out='good\n' rotate=1 out='new\n')
	head -c 40 /dev/zero >>"state/containers/$id/out.1"
	cg logs web
	exits 0
	[ "$stdout" = "good
new" ]
	complains "damaged"
}

@test "a state directory that others may use is refused" {
	mkdir -m 755 state
	cg ps
	exits 1
	complains "chmod 700"
	rmdir state
	ln -s /tmp state
	cg ps
	exits 1
	complains "symbolic link"
}
