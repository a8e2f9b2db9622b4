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

# groups NAME: the directories of its control groups, a line each.
groups()
{
	local line at
	while IFS=: read -r _ line at; do
		[[ $at == */callgate-* ]] || continue
		case $line in
		'') line=unified ;;
		name=*) line=${line#name=} ;;
		esac
		for top in "/sys/fs/cgroup/$line" /sys/fs/cgroup; do
			[ ! -d "$top$at" ] || { echo "$top$at"; break; }
		done
	done <"/proc/$(get "/api/v1/tasks/$1" | jq .pid)/cgroup"
}

@test "its parent's limits hold for both of them" {
	agent_stop
	agent_start --isolation="$isolation,cgroups/cpu,cgroups/mem,cgroups/pids" --seccomp_profile_name=default.json
	answers 200 "$(launch '{"value":"q"}' 'exec sleep 100' | jq -c '.launch_container.resources = [{name: "mem", scalar: {value: 64}}, {name: "cpus", scalar: {value: 1}}]')"
	answers 200 "$(launch '{"value":"c","parent":{"value":"q"}}' 'exec sleep 100')"
	[ "$(groups q | wc -l)" != 0 ]
	local group
	for group in $(groups q); do
		groups q.c | grep "^$group/callgate-" >>below
	done
	[ "$(groups q.c)" = "$(cat below)" ]
	# More than its parent may have.
	answers 200 "$(launch '{"value":"h","parent":{"value":"q"}}' 'exec tail /dev/zero' | jq -c '.launch_container.resources = [{name: "mem", scalar: {value: 4096}}]')"
	answers 200 '{"type":"WAIT_CONTAINER","wait_container":{"container_id":{"value":"h","parent":{"value":"q"}}}}'
	[ "$(jq .wait_container.exit_status <<<"$answer")" = 9 ] || { echo "$answer"; return 1; }
	if [ -d /sys/fs/cgroup/memory ]; then
		[ "$(jq -r .wait_container.reason <<<"$answer")" = REASON_CONTAINER_LIMITATION_MEMORY ] || { echo "$answer"; return 1; }
		# … and a limit of its own, within that.
		answers 200 "$(launch '{"value":"o","parent":{"value":"q"}}' 'exec sleep 100' '{"share_cgroups":false}' |
			jq -c '.launch_container.resources = [{name: "mem", scalar: {value: 40}}]')"
		[ "$(cat "$(groups q.o | grep /memory/)/memory.limit_in_bytes")" = $((40 << 20)) ]
	fi
	[ "$(get /api/v1/tasks/q | jq -r .state)" = TASK_RUNNING ]
	# Its parent's end takes all of them along.
	groups q >all
	groups q.c >>all
	answers 200 '{"type":"KILL_CONTAINER","kill_container":{"container_id":{"value":"q"}}}'
	answers 200 '{"type":"WAIT_CONTAINER","wait_container":{"container_id":{"value":"c","parent":{"value":"q"}}}}'
	[ "$(jq .wait_container.exit_status <<<"$answer")" = 9 ]
	local i
	for i in $(seq 300); do
		left=$(while read -r group; do [ ! -d "$group" ] || echo "$group"; done <all)
		[ -n "$left" ] || break
		sleep 0.1
	done
	[ -z "$left" ]
}

@test "without its parent there is none" {
	answers 400 "$(launch '{"value":"x","parent":{"value":"absent"}}' true)"
	[ "$answer" = 'Parent container absent does not exist' ]
}
