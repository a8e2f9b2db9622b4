#!/bin/sh
# The keeper's own filter allows nothing that the keeper does not need: every call that keeper.json names is made by a
# keeper under its filter in one of the tests, or stands here with the reason why it cannot be seen.
# usage: tight.sh KEEPER LIVE-TEST HOST-TEST KEEPER.JSON
set -u
keeper=$1 live=$2 host=$3 json=$4
unseen=' ppoll fstat renameat2 ' # what other architectures have for poll, newfstatat, renameat
unseen="$unseen newfstatat clock_nanosleep " # other ways of a libc
unseen="$unseen clock_gettime restart_syscall " # without a vDSO; after a SIGSTOP
unseen="$unseen nanosleep pidfd_open " # a control group that is not empty at once; without cgroup.kill
unseen="$unseen ftruncate " # a log entry that a full disk cut
unseen="$unseen geteuid " # a client that is not root
command -v strace > /dev/null || { echo "skipped: strace is not installed"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "skipped: not root"; exit 77; }
trace=$(mktemp) || exit 1
trap 'rm -f "$trace"' EXIT
strace -f -qq -o /dev/null true 2> /dev/null || { echo "skipped: strace cannot follow a program here"; exit 77; }
made=$(for part in "$live a_terminal*" "$live with_rm*" "$live input_*" "$live a_stop*" "$live a_wrong*" "$host a_call*" \
	"$host refused*" "$host running*" "$host what_is_left*" "$host a_listener*"; do
	strace -f -qq -e signal=none -o "$trace" "${part%% *}" "$keeper" "${part#* }" > /dev/null 2>&1
	# From a process's own filter on; the tasks' shells load theirs in another way (seccomp(2)).
	awk '/prctl\(PR_SET_SECCOMP/ { on[$1] = 1; next }
		on[$1] && match($2, /^[a-z_0-9]+\(/) { print substr($2, 1, RLENGTH - 1) }' "$trace"
done | sort -u)
[ -n "$made" ] || { echo "no keeper came under its filter"; exit 1; }
bad=0
for name in $(tr -d '\n' < "$json" | grep -o '"names": *\[[^]]*\]' | grep -o '"[a-z_0-9]*"' | tr -d '"' | grep -v '^names$'); do
	printf '%s\n' "$made" | grep -qx "$name" && continue
	case $unseen in *" $name "*) continue ;; esac
	echo "$name is allowed, and no test needs it"
	bad=1
done
exit $bad
