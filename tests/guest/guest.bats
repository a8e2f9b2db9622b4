# Goal: on a kernel of its own, as root, with 32-bit programs: launches, refusals and what is said about them.
load ../e2e/helper

# i386 NR [ARG...] makes one call of x86.
i386=/guest/i386

# What the program's messages name comes from the kernel's audit, which a guest may be started without.
named()
{
	! grep -q audit=0 /proc/cmdline || skip "this guest has no audit: $stderr"
	for word; do
		complains "$word" || return 1
	done
}

@test "a refused call of the default profile is named" {
	separately "$callgate" run --rm --isolation=linux/seccomp,linux/capabilities --log -- sh -c 'mount -t tmpfs none /mnt 2>/dev/null; exit 4'
	exits 4
	named "mount" "errno EPERM" "the report is complete"
}

@test "a killed program is named with the call, by the kernel's audit" {
	printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_KILL_PROCESS"}]}' >kill.json
	separately "$callgate" run --rm --isolation=linux/seccomp,linux/capabilities --profile=kill.json -- mkdir new
	exits 159
	named "killed by seccomp: mkdir (83, x86_64): kill.json:1:"
}

@test "32-bit programs run here" {
	"$i386" 20
	status=0
	"$i386" 6 77 || status=$?
	[ "$status" = 9 ]
}

@test "a 32-bit program runs under the default profile, and mount is refused" {
	separately "$callgate" run --rm --isolation=linux/seccomp,linux/capabilities -- "$i386" 20
	exits 0
	separately "$callgate" run --rm --isolation=linux/seccomp,linux/capabilities --log -- "$i386" 21
	exits 1
	named "mount" "x86" "errno EPERM"
}

@test "the default refuses the multiplexed socketcall, where no filter sees the family" {
	separately "$callgate" run --rm --isolation=linux/seccomp,linux/capabilities --log -- "$i386" 102 1 0
	exits 13
	named "socketcall"
}

@test "a killed 32-bit program is named with x86's number" {
	cat >kill.json <<-'END'
		{ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
		  "syscalls": [{ "names": ["mkdir"], "action": "SCMP_ACT_KILL_PROCESS" }] }
	END
	separately "$callgate" run --rm --isolation=linux/seccomp,linux/capabilities --profile=kill.json -- "$i386" 39 0 0
	exits 159
	named "killed by seccomp: mkdir (39, x86): kill.json:2:"
}

@test "conditions hold for 32-bit calls" {
	cat >some.json <<-'END'
		{ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
		  "syscalls": [{ "names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 117,
		                 "args": [{ "index": 0, "value": 4294967295, "op": "SCMP_CMP_NE" }] }] }
	END
	separately "$callgate" run --rm --isolation=linux/seccomp,linux/capabilities --profile=some.json -- "$i386" 136 8
	exits 117
	separately "$callgate" run --rm --isolation=linux/seccomp,linux/capabilities --profile=some.json -- "$i386" 136 4294967295
	exits 0
}

@test "an architecture that is not covered is killed" {
	cat >native.json <<-'END'
		{ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
		  "syscalls": [{ "names": ["mkdir"], "action": "SCMP_ACT_ERRNO" }] }
	END
	separately "$callgate" run --rm --isolation=linux/seccomp,linux/capabilities --profile=native.json -- "$i386" 20
	exits 159
	named "x86"
}

@test "a living 32-bit process has exactly the policy of the profile" {
	"$callgate" run --rm --isolation=linux/seccomp,linux/capabilities -- "$i386" 29 & # pause
	launcher=$!
	for _ in $(seq 100); do
		child=$(pgrep -x i386) && break # of the keeper, not of the launcher
		sleep 0.1
	done
	separately "$callgate" diff "pid:$child" default
	kill "$launcher"
	wait "$launcher" || true
	exits 0
}

@test "the doctor knows what this kernel has" {
	separately "$callgate" doctor
	echo "$stdout" | sed 's/^/# /' >&3
	exits 0
	says "SECCOMP_FILTER_FLAG_TSYNC"
}

# --- control groups of version 2 alone ---
# as_nobody GROUP COMMAND...: in that group; its state is in $dir/run.
as_nobody()
{
	group=$1 dir=$dir sh -c 'echo $$ >"$group/cgroup.procs"; shift; exec setpriv --reuid=65534 --regid=65534 --clear-groups \
		env XDG_RUNTIME_DIR="$dir/run" XDG_CACHE_HOME="$dir/run" "$@"' - "$@"
}

# delegated CONTROLLER...: a group that belongs to nobody, and the one in it where nobody's session is.
delegated()
{
	top=/sys/fs/cgroup
	echo "-memory -pids -cpu" >$top/cgroup.subtree_control
	echo "$*" >$top/cgroup.subtree_control
	mkdir $top/delegated $top/delegated/session
	chown 65534:65534 $top/delegated{,/session}{,/cgroup.procs,/cgroup.subtree_control}
	chmod 755 "$dir"
	mkdir -m 700 "$dir/run"
	chown 65534:65534 "$dir/run"
}

teardown()
{
	rmdir /sys/fs/cgroup/delegated/session /sys/fs/cgroup/delegated 2>/dev/null || true
	cd / && rm -rf "$dir"
}

@test "root's limits, with nothing but version 2" {
	separately "$callgate" run --state-dir="$dir/state" --rm --memory=64m --pids-limit=20 --cpus=0.5 -- \
		sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max'
	exits 0
	[ "$stdout" = $'67108864\n20\n50000 100000' ] || { echo "$stdout"; return 1; }
	[ -z "$(find /sys/fs/cgroup -name 'callgate-*')" ]
}

@test "a normal user's limits, in groups that were delegated" {
	delegated +memory +pids
	separately as_nobody $top/delegated/session "$callgate" run --rm --memory=64m --pids-limit=20 -- \
		sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max; id -u'
	exits 0
	[ "$stdout" = $'67108864\n20\n0' ] || { echo "$stdout"; return 1; }
	separately as_nobody $top/delegated/session "$callgate" run --rm --memory=64m -- \
		python3 -c 'x = bytearray(256 << 20); print(len(x))'
	exits 137
	complains "out of memory"
	[ -z "$(find $top -name 'callgate-*')" ]
}

@test "a normal user's limits where nothing, or another controller, was delegated" {
	delegated +memory
	separately as_nobody $top/delegated/session "$callgate" run --rm --pids-limit=20 -- true
	exits 125
	complains "pids"
	echo $$ >$top/cgroup.procs
	separately setpriv --reuid=65534 --regid=65534 --clear-groups env XDG_RUNTIME_DIR="$dir/run" XDG_CACHE_HOME="$dir/run" \
		"$callgate" run --rm --memory=64m -- true
	exits 125
	complains "memory"
	[ -z "$(ls -A "$dir/run/callgate/containers")" ]
}
