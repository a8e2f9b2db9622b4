#!/bin/sh
# The launcher's own filter allows nothing that the launcher does not need: every call that agent-launcher.json names is made by
# a launcher under its filter in one of the tests, or stands here with the reason why it cannot be seen.
# usage: tight.sh LAUNCHER-TEST AGENT-LAUNCHER.JSON
set -u
test=$1 json=$2
unseen=' epoll_pwait openat2 fstat faccessat faccessat2 ' # what other architectures and libcs have for epoll_wait, fstat, faccessat
unseen="$unseen clock_gettime restart_syscall " # without a vDSO; after a SIGSTOP
unseen="$unseen mmap munmap mremap brk madvise sysinfo " # malloc and qsort: as many tasks as need them are not here
unseen="$unseen writev " # dprintf of another libc
unseen="$unseen exit_group " # a launcher whose mother or front is gone; SIGKILL (its mother's, PR_SET_PDEATHSIG) may be quicker
command -v strace > /dev/null || { echo "skipped: strace is not installed"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "skipped: not root"; exit 77; }
trace=$(mktemp) || exit 1
trap 'rm -f "$trace"' EXIT
strace -f -qq -o /dev/null true 2> /dev/null || { echo "skipped: strace cannot follow a program here"; exit 77; }
strace -f -qq -e signal=none -o "$trace" "$test" > /dev/null 2>&1
# From the launcher's own filter on: it is the one of this name.
made=$(awk '/prctl\(PR_SET_NAME, "gate-launcher"/ { named[$1] = 1; next }
	named[$1] && /prctl\(PR_SET_SECCOMP/ { on[$1] = 1; next }
	on[$1] && /^[0-9]+ +<\.\.\. / { next }
	on[$1] && match($2, /^[a-z_0-9]+\(/) { print substr($2, 1, RLENGTH - 1) }' "$trace" | sort -u)
[ -n "$made" ] || { echo "no launcher came under its filter"; exit 1; }
bad=0
for name in $(tr -d '\n' < "$json" | grep -o '"names": *\[[^]]*\]' | grep -o '"[a-z_0-9]*"' | tr -d '"' | grep -v '^names$'); do
	printf '%s\n' "$made" | grep -qx "$name" && continue
	case $unseen in *" $name "*) continue ;; esac
	echo "$name is allowed, and no test needs it"
	bad=1
done
exit $bad
