# Goal: whoever comes from Mesos finds what its seccomp isolator did: the isolator's own cases (I3 to I8), with its profiles.
# An agent's default profile is run's --profile here; a task's profile_name or unconfined is what is named instead.
load helper

run_task()
{
	separately "$callgate" run --state-dir="$dir/state" --rm "$@"
}

# U of the cases; `rule` adds to the rule on uname.
uname_profile()
{
	local filter=${1:-'"includes": {}, "excludes": {}'}
	cat <<-EOF
		{ "defaultAction": "SCMP_ACT_ALLOW",
		  "archMap": [{ "architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] }],
		  "syscalls": [{ "names": ["uname"], "action": "SCMP_ACT_ERRNO", "args": [], $filter }] }
	EOF
}

setup_cases()
{
	[ "$(uname -m)" = x86_64 ] || skip "the profiles are for x86_64"
	[ "$(id -u)" = 0 ] || skip "needs root"
	run_task -- true
	[ "$status" = 0 ] || skip "no container can be started here: $stderr"
	uname_profile >U.json
	mesos=$shared/profiles/apache__mesos__docs__examples__seccomp_default.json
}

# Mesos' own default.json, of its documentation.
default_profile()
{
	if [ -e "$mesos" ]; then
		cp "$mesos" default.json
	else
		skip "Mesos' default.json is not here"
	fi
}

@test "I3: default.json lets id, env, uname and hostname run" {
	setup_cases
	default_profile
	run_task --security-opt seccomp=mesos:default.json -- sh -c 'id && env && uname && hostname'
	exits 0
	says "uid=0"
	says Linux
}

@test "I4: with U uname fails" {
	setup_cases
	for source in U.json mesos:U.json; do
		run_task --security-opt seccomp=$source -- uname
		exits 1
	done
}

@test "I5: unconfined, uname runs" {
	setup_cases
	run_task --security-opt seccomp=unconfined -- uname
	exits 0
	says Linux
	complains "without a filter"
}

@test "I6: the task's own profile counts, not the default" {
	setup_cases
	default_profile
	run_task --security-opt seccomp=mesos:default.json -- uname
	exits 0
	run_task --security-opt seccomp=mesos:U.json -- uname
	exits 1
	run_task --profile=mesos:default.json --security-opt seccomp=mesos:U.json -- uname
	exits 125
	complains "two profiles"
}

@test "I7: a profile that is not there: the launch fails and nothing runs" {
	setup_cases
	run_task --security-opt seccomp=absent -- touch "$dir/ran"
	exits 125
	complains absent
	run_task --security-opt seccomp=mesos:absent -- touch "$dir/ran"
	exits 125
	[ ! -e ran ]
}

# i8 FILTER CAP STATUS: uname's rule with a filter of capabilities, in a task that has just CAP.
i8()
{
	uname_profile "$1" >caps.json
	for source in caps.json mesos:caps.json; do
		run_task --cap-drop=ALL --cap-add="$2" --security-opt seccomp=$source -- uname
		exits "$3"
		run_task --cap-drop=ALL --cap-add="$2" --security-opt seccomp=unconfined -- grep -E '^Cap(Eff|Bnd)' /proc/self/status
		[ "$(cut -f2 <<<"$stdout" | sort -u | wc -l)" = 1 ]
	done
}

@test "I8: rules with capabilities count for the task's own bounding set" {
	setup_cases
	i8 '"includes": { "caps": ["CAP_SYS_ADMIN"] }, "excludes": {}' SYS_ADMIN 1
	i8 '"includes": { "caps": ["CAP_SYS_ADMIN"] }, "excludes": {}' CHOWN 0
	i8 '"includes": {}, "excludes": { "caps": ["CAP_SYS_ADMIN"] }' SYS_ADMIN 0
	i8 '"includes": {}, "excludes": { "caps": ["CAP_SYS_ADMIN"] }' CHOWN 1
}
