# Goal: every finding of a profile at its place, and an exit status that scripts can use.
load helper

profile()
{
	printf '%s\n' "$1" >web.json
}

@test "a misspelt action is named with its place, a caret and the right word" {
	profile '{ "defaultAction": "SCMP_ACT_ERRNO",
	"syscalls": [{ "names": ["read"], "action": "SCMP_ACT_ALOW" }] }'
	separately "$callgate" check web.json
	[ "$status" != 0 ]
	[[ $stdout$stderr == *"web.json:2:46: error: "*"(did you mean 'SCMP_ACT_ALLOW'?)"* ]]
	[[ $stdout$stderr == *"$(printf '\n      | \t                                            ^~~~~~~~~~~~~~~')"* ]]
}

@test "findings make the exit status as --fail-on says" {
	profile '{ "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
	"syscalls": [{ "names": ["read", "write", "exit", "exit_group", "execve", "brk", "mmap", "clone", "clone3"], "action": "SCMP_ACT_ALLOW" },
	{ "names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "args": [{ "index": 0, "value": 268435456, "valueTwo": 268435456, "op": "SCMP_CMP_MASKED_EQ" }] }] }'
	separately "$callgate" check --fail-on=error web.json
	exits 0
	says "warning: "
	separately "$callgate" check --fail-on=warning web.json
	exits 1
}

@test "the findings are counted at the end" {
	profile '{ "defaultAction": "SCMP_ACT_ALLOW" }'
	separately "$callgate" check web.json
	[[ $(tail -n 1 <<<"$stdout") =~ ^[0-9]+\ errors?,\ [0-9]+\ warnings?,\ [0-9]+\ notices?$ ]]
}

@test "a file that is not JSON, or not there, is 2 and says where" {
	printf '{ "defaultAction": }' >web.json
	separately "$callgate" check web.json
	exits 2
	complains "web.json:1:"
	separately "$callgate" check nothing.json
	exits 2
	complains "'nothing.json'"
}

@test "an empty profile is never no filter" {
	printf '' >web.json
	separately "$callgate" check web.json
	[ "$status" != 0 ]
	printf '{}' >web.json
	separately "$callgate" check web.json
	[ "$status" != 0 ]
}

@test "json is one object per line with the documented keys" {
	profile '{ "defaultAction": "SCMP_ACT_ALLOW" }'
	separately "$callgate" check --format=json web.json
	python3 - "$stdout" <<-'EOF'
		import json, sys
		keys = ["source", "severity", "id", "file", "line", "column", "length", "engines", "text", "meaning", "instead"]
		lines = sys.argv[1].splitlines()
		assert lines
		for line in lines:
		    assert list(json.loads(line)) == keys, line
	EOF
}

@test "a hostile name reaches the terminal escaped" {
	printf '{ "defaultAction": "SCMP_ACT_\\u001b[31mX", "syscalls": [] }' >web.json
	separately "$callgate" check web.json
	[ "$status" != 0 ]
	[[ $stdout$stderr != *$'\033'* ]]
}

@test "the built-in profile has no errors" {
	separately "$callgate" check default
	exits 0
	says "0 errors, "
}
