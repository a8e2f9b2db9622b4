# Goal: a normal user runs tasks: with subordinate ids all of it, without them what one id gives, and a sentence for the rest.
load helper

USER_ID=42001
FIRST_SUBID=2000000

setup()
{
	dir=$(mktemp -d)
	cd "$dir" || return 1
	chmod 755 "$dir"
	mkdir home run root root/bin root/etc data
	cp "$(command -v busybox)" root/bin/busybox 2>/dev/null || true
	for applet in sh true id cat ls stat touch mkdir chmod chown sleep ps; do ln -s busybox "root/bin/$applet"; done
	printf 'root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001::/:/bin/sh\n' >root/etc/passwd
	printf 'root:x:0:\nweb:x:1001:\n' >root/etc/group
	chown -R $USER_ID:$USER_ID home run root data
	chmod 700 run
	cp /etc/passwd passwd && echo "rootless:x:$USER_ID:$USER_ID::$dir/home:/bin/sh" >>passwd
	echo "rootless:$FIRST_SUBID:65536" >subid
	: >none
}

teardown()
{
	for id in $(user "$callgate" ps -aq 2>/dev/null); do user "$callgate" rm -f "$id" >/dev/null 2>&1 || true; done
	cd / && rm -rf "$dir"
}

# The host's files stay as they are: a mount namespace shows others.
as_user()
{
	subid=$1 dir=$dir USER_ID=$USER_ID unshare --mount --propagation private sh -c '
		mount --bind "$dir/passwd" /etc/passwd
		for file in /etc/subuid /etc/subgid; do [ ! -e $file ] || mount --bind "$dir/$subid" $file; done
		shift
		exec setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups --inh-caps=-all \
			env HOME="$dir/home" XDG_RUNTIME_DIR="$dir/run" XDG_CACHE_HOME="$dir/home/.cache" "$@"' - "$@"
}
user() { as_user subid "$@"; }
lonely() { as_user none "$@"; }

# What these tests need, or a skip that says why.
needs()
{
	[ "$(id -u)" = 0 ] || skip "needs root, to become somebody else"
	user true 2>/dev/null || skip "no mount namespace for a test here"
	user test -x "$callgate" || skip "the program is in a directory that others cannot enter"
	user unshare --user true 2>/dev/null || skip "no user namespaces for users here"
	for need in "$@"; do
		case $need in
		ids)
			[ -e /etc/subuid ] && [ -e /etc/subgid ] && [ -u /usr/bin/newuidmap ] || skip "no newuidmap(1), /etc/subuid, /etc/subgid"
			;;
		busybox)
			[ -e root/bin/busybox ] && user "$PWD/root/bin/busybox" true || skip "no busybox here"
			! ldd root/bin/busybox >/dev/null 2>&1 || skip "busybox here is not static"
			;;
		esac
	done
}

run_as_user() { user "$callgate" run --rm "$@"; }

@test "root inside is the user outside, other ids are the subordinate ones" {
	needs ids busybox
	separately run_as_user --rootfs=./root -v ./data:/data -- sh -c 'id -u; touch /data/mine /data/web; chown web:web /data/web'
	exits 0
	[ "$stdout" = 0 ]
	[ "$(stat -c %u data/mine)" = $USER_ID ]
	[ "$(stat -c %u:%g data/web)" = $((FIRST_SUBID + 999)):$((FIRST_SUBID + 1000)) ]
}

@test "the task is under its filter, with docker's capabilities, in namespaces of its own" {
	needs ids busybox
	separately run_as_user --rootfs=./root -- sh -c 'cat /proc/self/status; echo $$; ls /sys/class/net'
	exits 0
	says $'CapBnd:\t00000000a80425fb'
	says $'Seccomp:\t2'
	says $'\n1\nlo'
}

@test "any user of the range, by number or by name; none outside" {
	needs ids busybox
	separately run_as_user --rootfs=./root -u 1000:1000 -- sh -c 'echo $(id -u) $(id -g) $(id -G)'
	[ "$stdout" = "1000 1000 1000" ]
	separately run_as_user --rootfs=./root -u web -- sh -c 'echo $(id -u) $(id -g)'
	[ "$stdout" = "1000 1001" ]
	separately run_as_user --rootfs=./root -u 70000 -- id
	exits 125
	complains "the task's user 70000 is not mapped in its user namespace, which has 65537 ids"
}

@test "a root is copy-on-write, or as it is, or read-only" {
	needs ids busybox
	separately run_as_user --rootfs=./root -- touch /new
	exits 0
	[ ! -e root/new ]
	separately run_as_user --rootfs=./root:rw -- sh -c 'touch /new; chown 5 /new'
	exits 0
	[ "$(stat -c %u root/new)" = $((FIRST_SUBID + 4)) ]
	separately run_as_user --rootfs=./root --read-only --tmpfs /t -- sh -c 'touch /t/yes && touch /no'
	exits 1
	complains "Read-only"
}

@test "what a task leaves behind belongs to subordinate ids and goes with it all the same" {
	needs ids busybox
	mess='mkdir -p /d/e; touch /d/e/f; chown -R web /d; chmod 000 /d'
	separately run_as_user --rootfs=./root -- sh -c "$mess"
	exits 0
	[ -z "$(ls -A run/callgate/containers)" ]
	separately user "$callgate" run --name=left --rootfs=./root -- sh -c "$mess"
	exits 0
	[ "$(find run/callgate/containers -uid $((FIRST_SUBID + 999)) | wc -l)" = 3 ]
	separately user "$callgate" rm left
	exits 0
	[ -z "$(ls -A run/callgate/containers run/callgate/names | grep -v :)" ]
	separately user "$callgate" run --name=left -u 1000 -- sh -c 'mkdir /tmp/d; touch /tmp/d/f; chmod 500 /tmp/d'
	exits 0
	separately user "$callgate" rm left
	exits 0
	[ -z "$(ls -A run/callgate/containers)" ]
}

@test "exec joins the task, under the same filter; logs, ps, inspect, kill, wait and rm see it" {
	needs ids busybox
	user "$callgate" run -d --name=web --rootfs=./root -u web -- sh -c 'echo started; sleep 100' >id
	separately user "$callgate" exec web sh -c 'echo $(id -u); cat /proc/self/status; ps'
	exits 0
	says $'1000\n'
	says $'Seccomp:\t2'
	says $'CapEff:\t0000000000000000'
	says "sleep 100"
	separately user "$callgate" exec web -- cat /etc/passwd
	exits 0
	says "web:x:1000"
	separately user "$callgate" exec -u 0 web unshare -U true
	[ "$status" != 0 ]
	separately user "$callgate" exec -u 70000 web id
	exits 125
	complains "the task's user 70000 is not mapped in its user namespace, which has 65537 ids"
	separately user "$callgate" logs web
	says started
	separately user "$callgate" ps
	says web
	separately user "$callgate" kill web
	exits 0
	separately user "$callgate" wait web
	[ "$stdout" = 137 ]
	separately user "$callgate" inspect web
	says '"user": "caller"'
	separately user "$callgate" rm web
	exits 0
}

@test "namespaces of the host can be kept" {
	needs ids busybox
	separately run_as_user --rootfs=./root --pid=host -- sh -c 'cat /proc/$$/comm; echo $$'
	exits 0
	says sh
	[ "${stdout##*$'\n'}" != 1 ]
	separately run_as_user --rootfs=./root --network=host -- ls /sys/class/net
	exits 0
	[ "$stdout" = "$(ls /sys/class/net)" ]
	separately run_as_user --rootfs=./root --ipc=host --init -- sh -c 'echo $$'
	exits 0
	[ "$stdout" = 2 ]
	separately run_as_user --timeout=0.3 --stop-timeout=0 -- sleep 60
	exits 124
}

@test "without subordinate ids there is one id, and a sentence for the others" {
	needs busybox
	separately lonely "$callgate" run --rm --rootfs=./root -- sh -c 'id -u; cat /proc/self/status'
	exits 0
	says $'Seccomp:\t2'
	separately lonely "$callgate" run --rm -- id -u
	exits 0
	[ "$stdout" = 0 ]
	for where in --rootfs=./root --rm; do
		separately lonely "$callgate" run --rm $where -u 1000 -- true
		exits 125
		[ "$stderr" = "callgate: the task's user 1000 is not mapped in its user namespace, which has 1 id: subordinate ids come from /etc/subuid, /etc/subgid and newuidmap(1)" ] ||
			{ echo "$stderr"; return 1; }
	done
	[ -z "$(ls -A run/callgate/containers)" ]
}

@test "what root alone can give is refused in a sentence" {
	needs
	separately run_as_user --userns=auto -- true
	exits 125
	complains "--userns=auto needs root"
	separately run_as_user --ulimit nofile=99999999 -- true
	exits 125
	complains "CAP_SYS_RESOURCE"
	separately run_as_user --oom-score-adj=-500 -- true
	exits 125
	complains "CAP_SYS_RESOURCE"
	separately run_as_user --isolation=linux/seccomp -u 1 -- true
	exits 125
	complains "CAP_SETUID"
}

@test "limits without a delegated control group are refused in a sentence, and nothing is left" {
	needs
	for flag in --memory=64m --cpus=0.5 --pids-limit=20; do
		separately run_as_user "$flag" -- true
		[ "$status" != 0 ] || skip "this user may make control groups here"
		exits 125
		[ "$(wc -l <<<"$stderr")" = 1 ]
	done
	[ -z "$(ls -A run/callgate/containers)" ]
}

@test "no user namespaces: one sentence" {
	needs
	cat >deny.json <<-'END'
		{ "defaultAction": "SCMP_ACT_ALLOW",
		  "syscalls": [{ "names": ["unshare", "clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
		                 "args": [{ "index": 0, "value": 268435456, "valueTwo": 268435456, "op": "SCMP_CMP_MASKED_EQ" }] }] }
	END
	separately user "$callgate" run --rm --isolation=linux/seccomp --profile=deny.json -- "$callgate" run --rm -- true
	exits 125
	complains "cannot make a user namespace"
	[ -z "$(ls -A run/callgate/containers)" ]
}

@test "the audit log is root's: a kill is told with what is known" {
	needs
	cat >kill.json <<-'END'
		{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["mkdir"], "action": "SCMP_ACT_KILL_PROCESS" },
		  { "names": ["chmod", "fchmodat"], "action": "SCMP_ACT_ERRNO" }] }
	END
	separately run_as_user --profile=kill.json -- mkdir /tmp/x
	exits 159
	complains "killed by seccomp"
	complains "the kernel's audit log could not be read"
	separately run_as_user --log --profile=kill.json -- chmod 700 /tmp
	exits 1
	complains "not complete: the kernel's audit log could not be read"
}

@test "an image's files keep their owners, within the subordinate ids, and are removed by whoever pulled it" {
	needs ids busybox
	mkdir files && cp -a root/. files && mkdir -m 700 files/srv && echo page >files/srv/page
	tar -cf layer.tar --owner=0 --group=0 -C files bin etc
	tar -rf layer.tar --owner=1000 --group=1001 -C files srv
	separately user "$callgate" image import layer.tar mine:1
	exits 0
	separately run_as_user --image=mine:1 -u web -- sh -c 'cat /srv/page; stat -c %u:%g /srv/page'
	exits 0
	[ "$stdout" = $'page\n1000:1001' ]
	[ "$(find home/.local -name page -exec stat -c %u:%g {} +)" = $((FIRST_SUBID + 999)):$((FIRST_SUBID + 1000)) ]
	separately user "$callgate" image rm mine:1
	exits 0
	[ -z "$(find home/.local -name page)" ]
	separately lonely "$callgate" image import layer.tar mine:1
	exits 0
	separately lonely "$callgate" run --rm --image=mine:1 -- cat /srv/page
	exits 0
	[ "$stdout" = page ]
}

@test "a terminal" {
	needs ids busybox
	separately run_as_user --rootfs=./root -t -- sh -c 'test -t 0 && test -t 1 && cat /proc/self/mountinfo >/dev/null && echo terminal'
	exits 0
	says terminal
	separately run_as_user -t -u 1000 -- sh -c 'test -t 0 && stat -c %u $(readlink /proc/self/fd/0)'
	exits 0
	says 1000
}

# --- root, with a range of ids for each task ---
own() { "$callgate" run --state-dir="$dir/state" --userns=auto "$@"; }
owns()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	needs busybox
	chown -R 0:0 root data
	own --rm --rootfs=./root -- true 2>error || skip "$(head -n 1 error)"
}

@test "--userns=auto: root of the task is nobody on the host, and its files are the caller's" {
	owns
	separately own --rm --rootfs=./root:rw -v ./data:/data -- sh -c 'cat /proc/self/uid_map; touch /data/f /new; chown web /new'
	exits 0
	[[ $stdout =~ ^\ +0\ +([0-9]+)\ +65536$ ]]
	[ "${BASH_REMATCH[1]}" -ge 65536 ]
	[ "$(stat -c %u data/f root/new)" = $'0\n1000' ]
	separately own --rm --rootfs=./root -u web -m 64m --pids-limit=50 -- id -u
	[ "$status $stdout" = "0 1000" ] || complains cgroup
	separately own --rm -- sh -c 'id -u; touch /tmp/x; stat -c %u /tmp/x'
	[ "$stdout" = $'0\n0' ]
}

@test "--userns=auto: every task has a range of its own, which is free again afterwards; exec is in it" {
	owns
	for name in one two; do own -d --name=$name --rootfs=./root -- sleep 100 >>ids; done
	for name in one two; do "$callgate" exec --state-dir="$dir/state" $name cat /proc/self/uid_map >>maps; done
	[ "$(sort -u maps | wc -l)" = 2 ]
	separately "$callgate" exec --state-dir="$dir/state" -u web one sh -c 'id -u; cat /proc/self/status'
	says $'1000\n'
	says $'Seccomp:\t2'
	separately "$callgate" exec --state-dir="$dir/state" -u 70000 one id
	exits 125
	complains "is not mapped in its user namespace, which has 65536 ids"
	"$callgate" rm -f --state-dir="$dir/state" one two
	own --rm --rootfs=./root -- cat /proc/self/uid_map >again
	[ "$(head -n 1 maps)" = "$(cat again)" ]
	[ -z "$(ls -A state/containers)" ]
}

@test "--userns=auto: what cannot be had is refused in a sentence" {
	owns
	separately own --rm --rootfs=./root -v /proc:/mnt -- true
	exits 125
	complains "volume '/proc': this file system cannot be id-mapped"
	separately own --rm --rootfs=./root -u 70000 -- true
	exits 125
	complains "is not mapped"
	separately own --rm --rootfs=./root --pid=host -- true
	exits 125
	complains "belongs to the host"
	[ -z "$(ls -A state/containers)" ]
}
