# Goal: whatever a root, a profile or a command line holds, a launch is refused in words or contained, and the host is as before.
load helper

run_task()
{
	separately timeout 60 "$callgate" run --state-dir="$dir/state" --rm "$@"
}

# A root with busybox as everything, and what of the host could be hit.
setup_root()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	busybox=$(command -v busybox) || skip "no busybox here"
	ldd "$busybox" 2>/dev/null | grep -q '=>' && skip "busybox here is not static"
	mkdir -p root/bin root/etc root/dev root/proc root/tmp outside
	cp "$busybox" root/bin/busybox
	for name in sh cat id ls true sleep readlink wc env sha256sum dd; do
		ln -s busybox "root/bin/$name"
	done
	run_task --rootfs=./root -- /bin/true
	[ "$status" = 0 ] || skip "no container can be started here: $stderr"
	echo untouched >outside/file
	before=$(host)
}

host()
{
	sha256sum "$callgate" "$dir/outside/file" /etc/passwd /etc/hostname /bin/sh 2>/dev/null
	stat -c '%n %a %u %g %F %t %T' "$callgate" "$dir/outside" /dev/null /dev/tty / /tmp /proc /sys
}

# Nothing is left, and nothing has changed.
unharmed()
{
	[ "$(host)" = "$before" ] || { echo "the host has changed"; host; return 1; }
	[ -z "$(ls -A "$dir/state/containers" "$dir/state/names" | grep -v : || true)" ] || { ls -lA "$dir/state/"*; return 1; }
}

@test "users that are none: in the passwd file and as numbers" {
	setup_root
	for bad in 4294967295 -1 0x0 1"$(printf '0%.0s' {1..40})" 4294967296 "" " 0" 0.0; do
		printf 'evil:x:%s:0::/:/bin/sh\n' "$bad" >root/etc/passwd
		run_task --rootfs=./root -u evil -- /bin/id
		exits 125
		printf 'evil:x:7:%s::/:/bin/sh\n' "$bad" >root/etc/passwd
		run_task --rootfs=./root -u evil -- /bin/id
		exits 125
		[ -n "$bad" ] || continue
		run_task --rootfs=./root -u "$bad" -- /bin/id
		exits 125
	done
	unharmed
}

@test "65,537 groups" {
	setup_root
	echo 'many:x:7:7::/:/bin/sh' >root/etc/passwd
	seq 1 65537 | sed 's/.*/g&:x:&:many/' >root/etc/group
	run_task --rootfs=./root -u many -- /bin/id -u
	# All of them, or none of it: never as many as happen to fit.
	exits 125
	complains group
	unharmed
}

@test "'..' in everything that becomes a path" {
	setup_root
	for flag in --name=.. --name=../x --name=a/../../x --cgroup-parent=../x --cgroup-parent=/a/../../x -h../x; do
		run_task --rootfs=./root "$flag" -- /bin/true
		exits 125
	done
	for verb in exec stop rm kill wait inspect logs; do
		for word in .. ../../etc/passwd; do
			command=()
			[ "$verb" != exec ] || command=(true)
			separately "$callgate" "$verb" --state-dir="$dir/state" "$word" "${command[@]}"
			exits "$([ "$verb" = exec ] && echo 125 || echo 1)"
			complains "'$word' is neither an id nor a name"
		done
	done
	run_task --rootfs=./root --security-opt seccomp=../../../../etc/shadow -- /bin/true
	exits 125
	run_task --rootfs=./root -v "$dir/outside:/../../mnt" -- /bin/sh -c 'echo >/mnt/made'
	exits 125
	complains "a path without '..', not '/../../mnt'"
	[ ! -e outside/made ]
	unharmed
}

@test "much to say, and strange: arguments, environment, bytes" {
	setup_root
	big=$(head -c 100000 /dev/zero | tr '\0' x)
	many=()
	for _ in {1..20}; do many+=("$big"); done
	run_task --rootfs=./root -- /bin/sh -c 'echo $#' - "${many[@]}"
	exits 0
	[ "$stdout" = 20 ]
	printf 'BIG=%0130000d\n' 0 >env
	run_task --rootfs=./root --env-file=env -- /bin/true
	exits 0
	# One word may have 128 KiB (MAX_ARG_STRLEN, execve(2)).
	printf 'BIG=%0140000d\n' 0 >env
	run_task --rootfs=./root --env-file=env -- /bin/true
	exits 126
	complains "cannot be executed"
	run_task --rootfs=./root -e $'A=1\nB=2' -- /bin/sh -c 'echo "$A"; env | wc -l'
	exits 0
	[ "${stdout%%$'\n'[0-9]}" = $'1\nB=2' ]
	run_task --rootfs=./root -e $'A=\xff\xfe' -- /bin/sh -c 'echo "$A" | wc -c'
	exits 0
	[ "$stdout" = 3 ]
	unharmed
}

@test "a working directory that is a descriptor of the launch, or too deep" {
	setup_root
	for n in $(seq 0 9) 1023; do
		run_task --rootfs=./root -w "/proc/self/fd/$n" -- /bin/sh -c 'pwd; ls outside state' </dev/null
		exits 125
	done
	# As a link in the root, which is resolved in the root.
	for n in 0 4 7; do
		ln -sfn "/proc/self/fd/$n" root/way
		run_task --rootfs=./root -w /way -- /bin/true
		exits 125
	done
	run_task --rootfs=./root -w "$(printf '/d%.0s' {1..4096})" -- /bin/true
	exits 125
	unharmed
}

@test "programs that are none: a fifo, a device, a directory, nothing" {
	setup_root
	mkfifo root/fifo
	mknod root/device c 1 3 && chmod 755 root/device root/fifo
	ln -s loop root/loop
	for program in /fifo /device /etc /loop; do
		run_task --rootfs=./root -- "$program"
		exits 126
		complains "cannot be executed"
	done
	run_task --rootfs=./root -- /nothing
	exits 127
	unharmed
}

@test "programs that are the launcher: /proc/self/exe as the program and as an interpreter" {
	setup_root
	# The keeper without a plan is nothing but a program that ends, with 1.
	while read -r code interpreter; do
		printf '#!%s\n' "$interpreter" >root/script
		chmod 755 root/script
		run_task --rootfs=./root -- /script
		exits "$code"
		[ -z "$stdout" ]
	done <<-EOF
		1 /proc/self/exe
		1 /proc/1/exe
		127 /proc/self/fd/3
		127 $callgate
		126 /script
	EOF
	ln -s /proc/self/exe root/self
	run_task --rootfs=./root -- /self
	exits 1
	[ -z "$stdout$stderr" ]
	# As a program of the task it is under the task's filter, with nothing of the host's to work with.
	cp "$callgate" root/callgate
	run_task --rootfs=./root -- /callgate run --isolation=linux/seccomp -- /bin/true
	exits 125
	complains "'/run/callgate': No such file or directory"
	# Neither the task's own ancestors nor the keeper can be written to, or be seen.
	run_task --rootfs=./root --privileged -- /bin/sh -c 'for p in /proc/[0-9]*; do
		case $p in /proc/1 | /proc/$$) continue ;; esac
		readlink $p/exe; (: >>$p/exe) && echo "$p can be written to"; done 2>/dev/null; (: >>/proc/1/exe) 2>&1'
	[[ $stdout != *callgate* && $stdout != *"can be written"* ]] || { echo "$stdout"; return 1; }
	unharmed
}

@test "on the host's processes, no ancestor's program can be opened for writing" {
	setup_root
	run_task --pid=host -- sh -c 'p=$$; while [ "$p" -gt 1 ]; do
		(: >>/proc/$p/exe) 2>/dev/null && echo "$p: $(readlink /proc/$p/exe)"
		p=$(sed "s/.*) . //" /proc/$p/stat | cut -d" " -f1); done; true'
	exits 0
	[ -z "$stdout" ] || { echo "$stdout"; return 1; }
	unharmed
}

@test "set-user-ID programs give nothing with no-new-privileges, nor from a volume" {
	setup_root
	# busybox is what it is called.
	mkdir root/suid
	cp "$busybox" root/suid/cat
	cp "$busybox" outside/cat
	chmod 4755 root/suid/cat outside/cat
	user=(-u 1000:1000 --cap-drop=ALL)
	run_task --rootfs=./root "${user[@]}" --security-opt no-new-privileges -- /suid/cat /proc/self/status
	says $'Uid:\t1000\t1000'
	run_task --rootfs=./root "${user[@]}" -v ./outside:/mnt -- /mnt/cat /proc/self/status
	says $'Uid:\t1000\t1000'
	says $'CapEff:\t0000000000000000'
	# Without it, it is root, with no capability but those of the bounding set: none.
	run_task --rootfs=./root "${user[@]}" -- /suid/cat /proc/self/status
	says $'CapEff:\t0000000000000000'
	rm outside/cat
	unharmed
}

@test "a planted NSS library and loader settings are not the launcher's" {
	setup_root
	mkdir -p root/lib/x86_64-linux-gnu root/usr/lib
	printf 'not a library' >root/lib/x86_64-linux-gnu/libnss_evil.so.2
	echo 'passwd: evil' >root/etc/nsswitch.conf
	echo /evil.so >root/etc/ld.so.preload
	echo 'me:x:7:7::/:/bin/sh' >root/etc/passwd
	separately env LD_PRELOAD=/nothing.so "$callgate" run --state-dir="$dir/state" --rm --rootfs=./root -u me -- /bin/id -u
	exits 0
	[ "$stdout" = 7 ]
	unharmed
}

@test "100,000 files in the root, 200 inherited descriptors" {
	setup_root
	mkdir root/many
	(cd root/many && seq 1 100000 | xargs touch)
	for fd in $(seq 10 209); do
		eval "exec $fd<\"\$dir/outside/file\""
	done
	run_task --rootfs=./root -- /bin/sh -c 'ls /proc/self/fd | wc -l; ls /many | wc -l'
	got=$stdout
	separately timeout 60 "$callgate" run --state-dir="$dir/state" --rm --isolation=linux/seccomp -- sh -c 'ls /proc/self/fd | wc -l'
	for fd in $(seq 10 209); do
		eval "exec $fd<&-"
	done
	# 0, 1, 2 and the one that ls has.
	[ "$got" = $'4\n100000' ] || { echo "$got"; return 1; }
	[ "$stdout" = 4 ] || { echo "$stdout"; return 1; }
	unharmed
}

@test "nothing can be typed into the caller's terminal" {
	setup_root
	command -v python3 >/dev/null || skip "no python3 here"
	cat >push.py <<-'EOF'
		import ctypes, errno, os, sys
		libc = ctypes.CDLL(None, use_errno=True)
		sti, linux = 0x5412, 0x541C # TIOCSTI; TIOCLINUX, whose 3 pastes
		for what, request in (("sti", sti), ("linux", linux))[len(sys.argv) - 1:]:
		    said = set()
		    for high in (0, 1 << 32, 0xffffffff << 32): # the kernel reads 32 bits
		        for fd in (0, 1, 2):
		            done = libc.ioctl(fd, ctypes.c_ulong(high | request), ctypes.create_string_buffer(b"\x03x"))
		            said.add("done" if done == 0 else errno.errorcode[ctypes.get_errno()])
		    print(what, *sorted(said))
		try:
		    os.open("/dev/tty", os.O_RDWR)
		    print("tty", "own" if os.isatty(0) else "somebody's")
		except OSError:
		    print("no tty")
	EOF
	chmod 755 "$dir"
	task=(-v "$dir/push.py:/mnt/push.py:ro" -- python3 /mnt/push.py)
	run_task -- python3 -c 'import ctypes' || true
	[ "$status" = 0 ] || skip "no python3 in the task: $stderr"
	run_task -i "${task[@]}"
	exits 0
	[ "$stdout" = $'sti EPERM\nlinux EPERM\nno tty' ] || { echo "$stdout"; return 1; }
	run_task -t "${task[@]}"
	exits 0
	[ "${stdout//$'\r'/}" = $'sti EPERM\nlinux EPERM\ntty own' ] || { echo "$stdout"; return 1; }
	# It is the filter that says so: a pty has another answer.
	run_task -t --security-opt seccomp=unconfined "${task[@]}" just-linux
	[[ $stdout == "linux ENOTTY"* ]] || { echo "$stdout"; return 1; }
	unharmed
}

@test "more arguments than the kernel takes in all" {
	setup_root
	big=$(head -c 100000 /dev/zero | tr '\0' x)
	files=()
	for file in {1..9}; do
		for n in {1..10}; do echo "N$file$n=$big"; done >"env$file"
		files+=("--env-file=env$file")
	done
	# execve(2): a quarter of the stack's limit, 6 MiB at most; and what one launch plan holds.
	run_task --rootfs=./root --ulimit=stack=8388608 "${files[@]:0:3}" -- /bin/true
	exits 126
	complains "cannot be executed: arguments and environment are longer than the kernel takes"
	run_task --rootfs=./root --ulimit=stack=80000000 "${files[@]:0:3}" -- /bin/true
	exits 0
	run_task --rootfs=./root --ulimit=stack=80000000 "${files[@]:0:7}" -- /bin/true
	exits 126
	complains "6 MiB"
	run_task --rootfs=./root "${files[@]}" -- /bin/true
	exits 125
	complains "larger than 8 MiB"
	unharmed
}

@test "/etc/hosts: left out where something else has its place, never because there was no room to make it" {
	setup_root
	mkdir -p root/etc/hosts root/etc/resolv.conf/sub
	run_task --rootfs=./root:rw --network=host -- /bin/cat /etc/hostname
	exits 0
	[[ $stdout =~ ^[0-9a-f]{12}$ ]] || { echo "$stdout"; return 1; }
	mkdir full
	# As many names as busybox and its link need, and the directories that are mounted on; none for a file in etc.
	separately timeout 60 unshare --mount sh -c 'mount -t tmpfs -o nr_inodes=8,size=8m,mode=755 full full &&
		mkdir -p full/bin full/etc full/dev full/proc full/sys full/tmp && cp root/bin/busybox full/bin/ &&
		exec "$0" run --state-dir="$1" --rm --rootfs=./full:rw -- /bin/busybox true' "$callgate" "$dir/state"
	exits 125
	complains "No space left on device"
	complains "'attach'"
	unharmed
}

@test "a volume that holds mounted namespaces" {
	setup_root
	mkdir -p volume/mounts
	separately unshare --mount --propagation private sh -c '
		mount -t tmpfs namespaces volume/mounts && touch volume/mounts/file && echo hidden >volume/mounts/ns || exit 77
		unshare --mount=volume/mounts/ns true || exit 77
		"$1" run --state-dir="$2" --rm --rootfs=./root -v ./volume:/mnt:ro -- /bin/sh -c \
			"ls /mnt/mounts; cat /mnt/mounts/ns; : >/mnt/mounts/file"' - "$callgate" "$dir/state"
	[ "$status" != 77 ] || skip "no namespace can be mounted here: $stderr"
	# Read-only with all that is in it. A namespace that the kernel takes for older than the task's comes along as a file that
	# cannot be read (their numbers are handed out by processor); any other is left out, and what is below it shows.
	[ "$stdout" = $'file\nns\nhidden' ] || { [ "$stdout" = $'file\nns' ] && complains "Invalid argument"; } || {
		echo "$stdout, $stderr"
		return 1
	}
	complains "Read-only"
	unharmed
}

# with_silent mute|reads SCRIPT: sh beside a file server on ./server that answers nothing; of processes it sees its own.
# Whatever waits for the server ends with it: nothing may be left of us before that.
with_silent()
{
	command -v python3 >/dev/null || skip "no python3 here"
	separately timeout -k 5 100 unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
		python3 "$root/tests/e2e/silent.py" "$1" "$dir/server" sh -c "
		run() { timeout -k 1 20 '$callgate' run --state-dir='$dir/state' --rm -v '$dir/server:/mnt' \"\$@\"; }
		callgate() { verb=\$1; shift; timeout -k 1 20 '$callgate' \$verb --state-dir='$dir/state' \"\$@\"; }
		keepers() { grep -slzx 'callgate-keepe[r]' /proc/[0-9]*/cmdline | wc -l; }
		$2"
	[ "$status" != 77 ] || skip "no file server can be mounted here: $stdout"
}

@test "a volume on a file server that never answers: who does not ask it runs" {
	setup_root
	mkdir server
	for kind in mute reads; do
		with_silent "$kind" 'run --rootfs=./root -- /bin/true && run -- echo on the host'
		exits 0
		[ "$stdout" = "on the host" ]
	done
	unharmed
}

@test "a volume on a file server that never answers: a task that waits for it is stopped" {
	setup_root
	mkdir server
	with_silent mute 'run -d --name=waits --rootfs=./root -- /bin/ls /mnt >&2 || exit
		sleep 0.2; callgate ps --format="{{.Names}}"; callgate stop -t 1 waits; keepers; callgate ps -aq'
	[ "$stdout" = $'waits\nwaits\n0' ] || { echo "$stdout, $stderr"; return 1; }
	with_silent mute 'run --timeout=1 --stop-timeout=1 --rootfs=./root -- /bin/ls /mnt; echo $?; keepers'
	[ "$stdout" = $'124\n0' ] || { echo "$stdout, $stderr"; return 1; }
	unharmed
}

@test "a volume on a file server that never answers: a launch that waits for it ends with its time limit, or with run" {
	setup_root
	mkdir server
	for kind in mute reads; do
		# The working directory is entered by the task's own process.
		with_silent "$kind" 'run --timeout=1 -w /mnt --rootfs=./root -- /bin/true; echo $?; keepers'
		complains "longer than the time limit"
		[ "${stdout%%$'\n'*}" = 125 ]
		# Who waits for an answer to what the server has read waits on, whatever signal comes.
		[ "$kind" = reads ] || [ "$stdout" = $'125\n0' ] || { echo "$stdout"; return 1; }
	done
	with_silent mute 'run -w /mnt --rootfs=./root -- /bin/true & sleep 0.5; keepers
		kill $(pgrep -x callgate); wait; sleep 0.3; keepers; callgate ps -aq'
	[ "$stdout" = $'2\n0' ] || { echo "$stdout, $stderr"; return 1; }
	unharmed
}

@test "a keeper that is killed while it deletes what --rm leaves: the end is known" {
	setup_root
	for name in seq xargs touch mkdir; do ln -s busybox "root/bin/$name"; done
	separately timeout -k 5 100 unshare --mount --pid --fork --kill-child --mount-proc --propagation private sh -c '
		"$1" run --rm --state-dir="$2" --rootfs=./root -- /bin/sh -c "mkdir /many; cd /many; seq 1 60000 | xargs touch; exit 7" &
		while [ -z "$(ls -A "$2/containers" 2>/dev/null | grep "^[.]")" ]; do :; done
		kill -9 $(grep -slzx "callgate-keepe[r]" /proc/[0-9]*/cmdline | cut -d/ -f3)
		wait $!; echo "exit $?"; ls -A "$2/containers" | wc -l
		"$1" ps -aq --state-dir="$2"' - "$callgate" "$dir/state"
	says "exit 7"
	if [ "$stderr" != "" ]; then
		complains "the keeper was killed after the task had ended"
		says $'exit 7\n1'
	fi
	unharmed
}
