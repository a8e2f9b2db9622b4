# goal: somebody who drives a Mesos agent by its operator API finds it here: profiles as Mesos decides them, and what refused.
bats_require_minimum_version 1.5.0
load helper
load operator

isolation=linux/seccomp,linux/capabilities,filesystem/linux,namespaces/pid,namespaces/ipc,namespaces/uts,posix/rlimits

setup()
{
	dir=$(mktemp -d)
	cd "$dir" || return 1
	[ "$(id -u)" = 0 ] || skip 'an agent needs root'
	command -v jq >/dev/null || skip 'needs jq'
	mkdir -m 0755 profiles
	umask 022
	cp "$root/profiles/default.json" profiles/
	profile u.json uname ERRNO
	profile kill.json uname KILL
}

teardown()
{
	agent_stop
	cd / && rm -rf "$dir"
}

# profile NAME CALL ACTION [FILTER]: everything is allowed but one call, as Mesos' own tests have it.
profile()
{
	cat >"$dir/profiles/$1" <<END
{"defaultAction":"SCMP_ACT_ALLOW",
 "archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]}],
 "syscalls":[
  {"names":["$2"],"action":"SCMP_ACT_$3","args":[],${4:-"\"includes\":{},\"excludes\":{}"}}]}
END
}

# launch ID COMMAND [LINUX_INFO]: what LAUNCH_CONTAINER says.
launch()
{
	jq -cn --arg id "$1" --arg cmd "$2" --argjson info "${3:-{\}}" '{type: "LAUNCH_CONTAINER", launch_container:
		{container_id: {value: $id}, command: {value: $cmd}, container: {type: "MESOS", linux_info: $info}}}'
}

container()
{
	jq -cn --arg type "$1" --arg id "$2" '{type: $type, ($type | ascii_downcase): {container_id: {value: $id}}}'
}

# ends ID STATUS: waits for it; the answer's object is in $ended.
ends()
{
	answers 200 "$(container WAIT_CONTAINER "$1")"
	ended=$(jq -c .wait_container <<<"$answer")
	[ "$(jq .exit_status <<<"$ended")" = "$2" ] || { echo "$ended"; return 1; }
}

@test "I3: under the default profile ordinary commands run" {
	agent_start --isolation="$isolation" --seccomp_profile_name=default.json
	answers 200 "$(launch i3 'id && env && uname && hostname')"
	ends i3 0
	[ "$(jq -r .state <<<"$ended")" = TASK_FINISHED ]
	[ "$(jq -r .seccomp.profile_name <<<"$ended")" = default.json ]
	[[ $(jq -r .seccomp.meaning_digest <<<"$ended") == sha256:* ]]
	answers 200 '{"type":"READ_FILE","read_file":{"path":"/containers/i3/stdout"}}'
	jq -r .read_file.data <<<"$answer" | base64 -d | grep -x Linux
	get '/files/read?path=/containers/i3/stdout&offset=0' | jq -r .data | grep -q MESOS_CONTAINER_ID=i3
	get '/files/download?path=/containers/i3/stdout' | grep -x Linux
	answers 200 "$(launch files 'mkdir sub && echo hello >sub/f && ln -s /etc/shadow s')"
	ends files 0
	get '/files/browse?path=/containers/files' | jq -r '.[].path' | sort | tr '\n' ' ' |
		grep -x '/containers/files/s /containers/files/stderr /containers/files/stdout /containers/files/sub '
	[ "$(get '/files/read?path=/containers/files/sub/f&offset=0' | jq -r .data)" = hello ]
	[ "$(ask -o /dev/null -w '%{http_code}' 'http://localhost/files/read?path=/containers/files/s')" = 404 ]
	[ "$(ask -o /dev/null -w '%{http_code}' 'http://localhost/files/read?path=/containers/files/../../lock')" = 404 ]
}

@test "I4 and I5: a default profile that refuses a call, and a container without one" {
	agent_start --isolation="$isolation" --seccomp_profile_name=u.json
	answers 200 "$(launch i4 uname)"
	ends i4 256
	[ "$(jq -r .message <<<"$ended")" = 'Command exited with status 1' ]
	answers 200 "$(launch i5 uname '{"seccomp":{"unconfined":true}}')"
	ends i5 0
	[ "$(jq .seccomp.unconfined <<<"$ended")" = true ]
}

@test "I6 and I7: the profile that a container names, and one that is not there" {
	agent_start --isolation="$isolation" --seccomp_profile_name=default.json
	answers 200 "$(launch i6 uname '{"seccomp":{"profile_name":"u.json"}}')"
	ends i6 256
	answers 400 "$(launch i7 'touch /tmp/i7' '{"seccomp":{"profile_name":"absent"}}')"
	[ "$answer" = "Failed to read Seccomp profile file '$dir/profiles/absent': No such file or directory" ]
	answers 404 "$(container WAIT_CONTAINER i7)"
	answers 400 "$(launch i7 true '{"seccomp":{"profile_name":"../profiles/u.json"}}')"
	[[ $answer == *"'..' leaves --seccomp_config_dir" ]]
	[ "$(get /metrics/snapshot | jq '."slave/container_launch_errors"')" = 2 ]
	# A file that appears is used at once; one that others may write is not.
	profile new.json uname ERRNO
	answers 200 "$(launch new uname '{"seccomp":{"profile_name":"new.json"}}')"
	ends new 256
	chmod 0666 profiles/new.json
	answers 400 "$(launch new2 uname '{"seccomp":{"profile_name":"new.json"}}')"
	[[ $answer == "Failed to read Seccomp profile file"* ]]
}

@test "I8: conditions on capabilities are decided by the container's own" {
	agent_start --isolation="$isolation" --seccomp_profile_name=default.json
	local n=0 filter caps want
	while read -r filter caps want; do
		profile caps.json uname ERRNO "$filter"
		answers 200 "$(launch "i8-$n" uname \
			'{"effective_capabilities":{"capabilities":["'"$caps"'"]},"bounding_capabilities":{"capabilities":["'"$caps"'"]},
			"seccomp":{"profile_name":"caps.json"}}')"
		ends "i8-$n" "$want"
		n=$((n + 1))
	done <<'END'
"includes":{"caps":["CAP_SYS_ADMIN"]},"excludes":{} SYS_ADMIN 256
"includes":{"caps":["CAP_SYS_ADMIN"]},"excludes":{} CHOWN 0
"includes":{},"excludes":{"caps":["CAP_SYS_ADMIN"]} SYS_ADMIN 0
"includes":{},"excludes":{"caps":["CAP_SYS_ADMIN"]} CHOWN 256
END
	[ "$n" = 4 ]
}

@test "I1 and I2: the agent does not start, in Mesos' words" {
	local chain="Failed to create a containerizer: Could not create MesosContainerizer: Failed to create isolator 'linux/seccomp': "
	separately "$callgate" agent --config="$(agent_config)" --isolation=linux/seccomp --state-dir="$dir/state" --listen="unix://$dir/x.sock"
	exits 1
	complains "${chain}Missing required \`--seccomp_config_dir\` flag"
	echo '{}' >profiles/bad.json
	separately "$callgate" agent --config="$(agent_config)" --isolation=linux/seccomp --seccomp_config_dir="$dir/profiles" \
		--seccomp_profile_name=bad.json --state-dir="$dir/state" --listen="unix://$dir/x.sock"
	exits 1
	complains "${chain}Failed to parse Seccomp profile '$dir/profiles/bad.json': "
	separately "$callgate" agent --config="$(agent_config)" --isolation=linux/seccomp,gpu/nvidia --seccomp_config_dir="$dir/profiles"
	exits 1
	complains "Unknown or unsupported isolator 'gpu/nvidia'"
}

@test "what Mesos refuses in a container is refused in its words" {
	agent_start --isolation="$isolation" --seccomp_profile_name=default.json
	answers 400 "$(launch b1 true '{"seccomp":{"profile_name":"u.json","unconfined":true}}')"
	[ "$answer" = "Invalid Seccomp configuration: 'profile_name' given even though 'unconfined' Seccomp setting is enabled" ]
	answers 400 "$(launch b2 true '{"seccomp":{}}')"
	[ "$answer" = 'Missing Seccomp profile name' ]
	answers 400 "$(launch b3 true '{"seccomp":{"unconfined":false}}')"
	[ "$answer" = 'Missing Seccomp profile name' ]
	[ "$(get '/api/v1/tasks' | jq '.tasks | length')" = 0 ]
}

@test "a call that kills is named: SIGSYS is 31, and 159 from a shell" {
	agent_start --isolation="$isolation" --seccomp_profile_name=default.json
	answers 200 "$(launch k1 'exec uname' '{"seccomp":{"profile_name":"kill.json"}}')"
	ends k1 31
	[[ $(jq -r .message <<<"$ended") == 'Command terminated with signal Bad system call'* ]]
	answers 200 "$(launch k2 'uname; exit 159' '{"seccomp":{"profile_name":"kill.json"}}')"
	ends k2 40704
	if [ "$(jq '.seccomp.denials | length' <<<"$ended")" != 0 ]; then # the host has an audit log
		[[ $(jq -r .message <<<"$ended") == *'seccomp refused uname (63, x86_64) by kill.json:4:'* ]]
		[ "$(jq -r .seccomp.denials[0].syscall <<<"$ended")" = uname ]
		get /state | jq -e '.frameworks[].completed_executors[] | select(.id == "k1") | .completed_tasks[0].statuses[0]
			.container_status.seccomp.denials[0].syscall == "uname"'
	fi
}

@test "with --log-denials a call that is answered with an error is named, too" {
	agent_start --isolation="$isolation" --seccomp_profile_name=u.json --log-denials
	answers 200 "$(launch d 'uname; true')"
	ends d 0
	if "$callgate" doctor --format json | jq -e 'select(.id == "audit-group" and .state == "yes")' >/dev/null; then
		[ "$(jq -r .seccomp.denials[0].syscall <<<"$ended")" = uname ]
		[ "$(jq -r .seccomp.denials[0].verdict <<<"$ended")" = errno ]
	fi
}

@test "with seccomp off a named profile is refused" {
	printf 'isolation: linux/seccomp,filesystem/linux\nmesos_seccomp_enabled: false\nmesos_seccomp_profile_name: u.json\n' >agent.yaml
	agent_start
	answers 200 "$(launch off uname)"
	ends off 0
	answers 400 "$(launch off2 uname '{"seccomp":{"profile_name":"u.json"}}')"
	[[ $answer == *"linux/seccomp is not in --isolation"* ]]
	agent_stop
	printf 'mesos_seccomp_enabled: true\nmesos_seccomp_profile_name: u.json\n' >agent.yaml
	agent_start
	answers 200 "$(launch on uname)"
	ends on 256
}

@test "the operator's policy: who may be unconfined, which profiles, and a floor" {
	profile open.json swapon ERRNO
	cat >agent.yaml <<'END'
unconfined:
  - path: 'system-*'
profiles: [u.json, open.json]
END
	agent_start --isolation="$isolation" --seccomp_profile_name=default.json
	answers 403 "$(launch web true '{"seccomp":{"unconfined":true}}')"
	[[ $answer == "no entry of 'unconfined' in the agent's configuration matches user 'root', path 'web'"* ]]
	answers 200 "$(launch system-dns true '{"seccomp":{"unconfined":true}}')"
	answers 403 "$(launch web true '{"seccomp":{"profile_name":"kill.json"}}')"
	[[ $answer == *"is not among those that tasks may have"* ]]
	agent_stop
	echo 'floor: u.json' >agent.yaml
	agent_start --isolation="$isolation" --seccomp_profile_name=u.json
	answers 403 "$(launch web2 true '{"seccomp":{"profile_name":"open.json"}}')"
	[[ $answer == "profile 'open.json' is not a subset of the floor 'u.json': "*uname*" is allow by the one and errno by the other" ]]
	answers 200 "$(launch web3 true '{"seccomp":{"profile_name":"u.json"}}')"
}

@test "kill, remove, and an id that is in use" {
	agent_start --isolation="$isolation" --seccomp_profile_name=default.json
	answers 200 "$(launch s 'exec sleep 100')"
	answers 202 "$(launch s 'exec sleep 100')"
	answers 500 "$(container REMOVE_CONTAINER s)"
	answers 200 '{"type":"GET_CONTAINERS","get_containers":{"show_standalone":true}}'
	[ "$(jq -r '.get_containers.containers[0].container_status.seccomp.profile_name' <<<"$answer")" = default.json ]
	[ "$(jq -r '.get_containers.containers[0].container_status.executor_pid' <<<"$answer")" -gt 1 ]
	answers 200 "$(container KILL_CONTAINER s)"
	ends s 9
	[ "$(jq -r .state <<<"$ended")" = TASK_KILLED ]
	answers 404 "$(container KILL_CONTAINER s)"
	answers 200 "$(container REMOVE_CONTAINER s)"
	for _ in {1..50}; do
		[ "$(get /api/v1/tasks | jq '.tasks | length')" = 0 ] && break
		sleep 0.1
	done
	answers 404 "$(container WAIT_CONTAINER s)"
}

@test "resources that become less while tasks run end the start, and the tasks go on" {
	agent_start --isolation="$isolation" --seccomp_profile_name=default.json --resources='cpus:2;mem:1000'
	answers 200 "$(launch r 'exec sleep 100')"
	kill "$agent"
	wait "$agent"
	separately timeout 20 "$callgate" agent --config="$(agent_config)" --state-dir="$dir/state" --listen="unix://$dir/run/agent.sock" \
		--isolation="$isolation" --seccomp_config_dir="$dir/profiles" --resources='cpus:1;mem:1000'
	exits 1
	complains "Incompatible agent info detected: resources was 'cpus:2;mem:1000;"
	agent_start --isolation="$isolation" --seccomp_profile_name=default.json --resources='cpus:4;mem:1000' --reconfiguration_policy=additive
	answers 200 "$(container KILL_CONTAINER r)"
	ends r 9
}

@test "other bodies, types and paths" {
	agent_start --isolation="$isolation" --seccomp_profile_name=default.json
	answers 400 '{'
	answers 400 '{"type":"FLY"}'
	answers 501 '{"type":"PRUNE_IMAGES"}'
	[ "$(ask -o /dev/null -w '%{http_code}' -H 'Content-Type: application/x-protobuf' -d x http://localhost/api/v1)" = 415 ]
	[ "$(ask -o /dev/null -w '%{http_code}' http://localhost/api/v1)" = 405 ]
	[ "$(ask -o /dev/null -w '%{http_code}' -H 'Accept: application/x-protobuf' -H 'Content-Type: application/json' \
		-d '{"type":"GET_HEALTH"}' http://localhost/api/v1)" = 406 ]
	[ "$(get /flags | jq -r .flags.seccomp_profile_name)" = default.json ]
	answers 200 '{"type":"GET_FLAGS"}'
	[ "$(jq -r '.get_flags.flags[] | select(.name == "isolation") | .value' <<<"$answer")" = "$isolation" ]
	[ "$(ask -o /dev/null -w '%{http_code}' http://localhost/health)" = 200 ]
	[ "$(get /state | jq -r .flags.isolation)" = "$isolation" ]
	[ "$(get /api/v1/profiles | jq -r '.profiles[] | select(.default) | .name')" = default.json ]
	[ "$(get /api/v1/profiles/u.json | jq -r .error)" = null ]
}

@test "every flag has its row in docs/from-mesos.md" {
	{
		sed -n 's/^\tX("\([^"]*\)".*/\1/p' "$root/src/config/flags.h"
		sed -n 's/^\t{ "\([a-z_0-9]*\)", 0, .*/\1/p' "$root/src/config/flags.c"
	} | sort >flags
	sed -n 's/^| `--\([a-z_0-9-]*\)`.*/\1/p' "$root/docs/from-mesos.md" | sort >documented
	[ "$(wc -l <flags)" -gt 120 ]
	diff flags documented
}
