# goal: a container within a container has its parent's filter, may only tighten it, and ends with it.
bats_require_minimum_version 1.5.0
load helper
load operator

isolation=linux/seccomp,linux/capabilities,filesystem/linux,namespaces/pid,namespaces/ipc,namespaces/uts,namespaces/network,posix/rlimits

setup()
{
	dir=$(mktemp -d)
	cd "$dir" || return 1
	[ "$(id -u)" = 0 ] || skip 'an agent needs root'
	command -v jq >/dev/null || skip 'needs jq'
	mkdir -m 0755 profiles
	umask 022
	cp "$root/profiles/default.json" profiles/
	profile u.json '"uname"'
	profile tight.json '"uname","swapon"'
	profile other.json '"swapon"'
	agent_start --isolation="$isolation" --seccomp_profile_name=default.json
	answers 200 "$(launch '{"value":"p"}' 'exec sleep 100' '{"seccomp":{"profile_name":"u.json"}}')"
}

teardown()
{
	agent_stop
	cd / && rm -rf "$dir"
}

profile()
{
	cat >"$dir/profiles/$1" <<END
{"defaultAction":"SCMP_ACT_ALLOW",
 "archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]}],
 "syscalls":[{"names":[$2],"action":"SCMP_ACT_ERRNO","args":[],"includes":{},"excludes":{}}]}
END
}

launch()
{
	jq -cn --argjson id "$1" --arg cmd "$2" --argjson info "${3:-{\}}" '{type: "LAUNCH_CONTAINER", launch_container:
		{container_id: $id, command: {value: $cmd}, container: {type: "MESOS", linux_info: $info}}}'
}

nested()
{
	printf '{"value":"%s","parent":{"value":"p"}}' "$1"
}

# ends NAME STATUS
ends()
{
	answers 200 '{"type":"WAIT_CONTAINER","wait_container":{"container_id":'"$(nested "$1")"'}}'
	[ "$(jq .wait_container.exit_status <<<"$answer")" = "$2" ] || { echo "$answer"; return 1; }
}

@test "it has its parent's filter, also when the file is another one by now" {
	profile u.json '"swapon"'
	answers 200 "$(launch "$(nested c)" uname)"
	ends c 256
	[ "$(jq -r .wait_container.seccomp.profile_name <<<"$answer")" = u.json ]
	get /api/v1/profiles | jq -e '.profiles[] | select(.name == "u.json") | .olderTasks == ["p"]'
}

@test "it may tighten, and not loosen" {
	answers 200 "$(launch "$(nested t)" uname '{"seccomp":{"profile_name":"tight.json"}}')"
	ends t 256
	answers 403 "$(launch "$(nested l)" uname '{"seccomp":{"profile_name":"other.json"}}')"
	[[ $answer == "a nested container may only tighten: profile 'other.json' is not a subset of the profile 'u.json' that its parent 'p' runs under: "* ]]
	answers 403 "$(launch "$(nested l)" uname '{"seccomp":{"unconfined":true}}')"
	[[ $answer == "a nested container may only tighten: "* ]]
}

@test "it shares its parent's network, and its processes when it says so" {
	answers 200 "$(launch "$(nested n)" 'readlink /proc/self/ns/net; echo $$')"
	ends n 0
	answers 200 "$(launch "$(nested s)" 'echo /proc/[0-9]*/comm; cat /proc/1/comm' '{"share_pid_namespace":true}')"
	ends s 0
	local pid
	pid=$(get /api/v1/tasks/p | jq .pid)
	[ "$(get '/files/download?path=/containers/p.n/stdout' | head -1)" = "$(readlink "/proc/$pid/ns/net")" ]
	[ "$(get '/files/download?path=/containers/p.s/stdout' | tail -1)" = sleep ]
}

@test "it ends with its parent" {
	answers 200 "$(launch "$(nested e)" 'exec sleep 100')"
	answers 200 '{"type":"GET_CONTAINERS","get_containers":{"show_nested":true}}'
	[ "$(jq -c '.get_containers.containers[].container_id' <<<"$answer")" = '{"value":"e","parent":{"value":"p"}}' ]
	answers 200 '{"type":"KILL_CONTAINER","kill_container":{"container_id":{"value":"p"}}}'
	ends e 9
}

@test "without its parent there is none" {
	answers 400 "$(launch '{"value":"x","parent":{"value":"absent"}}' true)"
	[ "$answer" = 'Parent container absent does not exist' ]
}
