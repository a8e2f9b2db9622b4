# Goal: two policies are the same, or a call shows where they part.
load helper

profiles()
{
	cat >a.json <<-'EOF'
		{ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{ "names": ["read", "write"], "action": "SCMP_ACT_ALLOW" }] }
	EOF
	cat >same.json <<-'EOF'
		{ "syscalls": [{ "names": ["write"], "action": "SCMP_ACT_ALLOW" }, { "names": ["read"], "action": "SCMP_ACT_ALLOW" }],
		  "defaultErrnoRet": 1, "defaultAction": "SCMP_ACT_ERRNO" }
	EOF
	cat >more.json <<-'EOF'
		{ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{ "names": ["read", "write", "open"], "action": "SCMP_ACT_ALLOW" },
		  { "names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{ "index": 0, "value": 1, "op": "SCMP_CMP_EQ" }] }] }
	EOF
}

@test "files that mean the same have no difference and one digest" {
	profiles
	separately "$callgate" diff a.json same.json
	exits 0
	[ -z "$stdout" ]
	separately "$callgate" digest a.json same.json more.json
	exits 0
	[ "$(cut -d' ' -f1 <<<"$stdout" | sort -u | wc -l)" = 2 ]
	[[ $stdout =~ ^sha256:[0-9a-f]{64}\ \ a\.json ]]
}

@test "a difference names the calls, the actions and the arguments" {
	profiles
	separately "$callgate" diff a.json more.json --arch=x86_64
	exits 1
	says "errno EPERM -> allow  (looser, 2)"
	says "open"
	says "socket"
	says "when arg0 == 1"
	says "socket(0x1)"
}

@test "json differences carry a witness that shows them" {
	profiles
	separately "$callgate" diff a.json more.json --arch=x86_64 --format=json
	exits 1
	python3 - "$stdout" <<-'EOF'
		import json, sys
		rows = [json.loads(line) for line in sys.argv[1].splitlines()]
		assert [r["syscall"] for r in rows] == ["open", "socket"], rows
		assert list(rows[1]) == ["arch", "syscall", "number", "last_number", "a", "b", "conditional", "when", "witness"]
		assert rows[1]["witness"]["args"][0] == 1 and rows[1]["witness"]["number"] == 41 and rows[1]["conditional"]
	EOF
}

@test "subset holds one way and gives a witness the other" {
	profiles
	separately "$callgate" subset a.json more.json --arch=x86_64
	exits 0
	says "yes: "
	separately "$callgate" subset more.json a.json --arch=x86_64
	exits 1
	says "no: "
	separately "$callgate" subset more.json a.json --arch=x86_64 --format=json
	exits 1
	says '"holds": false'
}

@test "trouble is 2, not a difference" {
	profiles
	for verb in diff subset; do
		separately "$callgate" "$verb" a.json nothing.json
		exits 2
	done
	separately "$callgate" digest nothing.json
	exits 2
}
