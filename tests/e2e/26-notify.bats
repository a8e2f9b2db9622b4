# Goal: a profile may leave calls to a supervisor: the keeper has the listener for whoever asks first, and nothing hangs unsaid.
load helper

teardown()
{
	cd / || return
	"$callgate" ps -q --state-dir "$dir/state" | while read -r id; do "$callgate" rm -f --state-dir "$dir/state" "$id" >/dev/null; done
	rm -rf "$dir"
}

@test "what the launch or the end would wait for is refused before the launch" {
	for call in execve exit_group; do
		cat >ask.json <<-EOF
			{ "defaultAction": "SCMP_ACT_ALLOW",
			  "syscalls": [{ "names": ["mkdir", "$call"], "action": "SCMP_ACT_NOTIFY" }] }
		EOF
		separately timeout 20 "$callgate" run --state-dir="$dir/state" --rm --profile=ask.json -- touch "$dir/ran"
		exits 125
		complains "ask.json:2:"
		complains "'$call' must not be SCMP_ACT_NOTIFY"
		[ ! -e ran ] && [ ! -e state ]
	done
}

@test "the keeper gives the listener away, and a supervisor answers" {
	cat >ask.json <<-'EOF'
		{ "defaultAction": "SCMP_ACT_ALLOW",
		  "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY" }] }
	EOF
	separately "$callgate" run --state-dir="$dir/state" -d --profile=ask.json -- sh -c "mkdir $dir/new && echo made; mkdir $dir/other"
	[ "$status" = 0 ] || skip "no container can be started here: $stderr"
	complains "they wait until one asks the task's keeper"
	id=$stdout
	python3 - "$dir/state/containers/$id" <<-'EOF'
		import array, errno, fcntl, os, socket, struct, sys
		LISTENER, DONE, REFUSED = 72, 5, 6
		RECV, SEND = 0xc0502100, 0xc0182101 # SECCOMP_IOCTL_NOTIF_…
		os.chdir(sys.argv[1]) # the path may be too long for a socket
		s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		s.settimeout(20)
		s.connect("control")
		def ask():
		    s.send(struct.pack("=IIQQ", LISTENER, 0, 0, 0))
		    data, control, _, _ = s.recvmsg(4096, socket.CMSG_SPACE(4))
		    fds = [array.array("i", c[2])[0] for c in control]
		    return struct.unpack("=IIQQ", data[:24]), fds
		(kind, *_), fds = ask()
		assert kind == DONE and len(fds) == 1, (kind, fds)
		(kind, _, why, _), none = ask()
		assert kind == REFUSED and why == errno.ENOENT and none == [], (kind, why, none)
		for error in (0, -errno.EXDEV): # "done" without doing it, then a refusal
		    notif = bytearray(80)
		    fcntl.ioctl(fds[0], RECV, notif)
		    fcntl.ioctl(fds[0], SEND, notif[:8] + struct.pack("=qiI", 0, error, 0))
	EOF
	separately timeout 20 "$callgate" wait --state-dir="$dir/state" "$id"
	[ "$stdout" = 1 ]
	[ ! -e new ] && [ ! -e other ]
	separately "$callgate" logs --state-dir="$dir/state" "$id"
	says made
	complains "ross-device"
}

@test "without a supervisor the call waits, and the task can be stopped" {
	cat >ask.json <<-'EOF'
		{ "defaultAction": "SCMP_ACT_ALLOW",
		  "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY" }] }
	EOF
	separately timeout 20 "$callgate" run --state-dir="$dir/state" --rm --timeout=0.5 --stop-timeout=0 --profile=ask.json -- mkdir "$dir/new"
	[ "$status" != 125 ] || skip "no container can be started here: $stderr"
	exits 124
	complains "warning: the profile leaves calls to a supervisor"
	[ ! -e new ]
}
