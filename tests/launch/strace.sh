#!/bin/sh
# After the filter there is nothing but execve, in each way to load it; and every system call of a launch fails in turn:
# the program runs, or the row is named, and no process is left.
# usage: strace.sh ONE
set -u
one=$1
[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 77; }
command -v strace > /dev/null || { echo "skipped: strace is not installed"; exit 77; }
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
strace -f -o "$out" "$one" late 2> /dev/null
[ $? = 42 ] || { echo "skipped: strace cannot follow a launch here"; exit 77; }
bad=0 tried=0 refused=0
for way in lowered late helper; do
	strace -f -qq -o "$out" "$one" $way 2> /dev/null
	# All calls of the task's threads that begin after the filter was asked for. The main thread's nap began before.
	late=$(awk '/seccomp\(SECCOMP_SET_MODE_FILTER/ { on = 1; next }
		on && $2 ~ /^[a-z_0-9]+\(/ { print $1, $2 }' "$out" |
		grep -v -e ' execve(' -e ' exit_group(' -e ' wait4(' |
		while read -r pid call; do
			# Only the task's: those that made no call of the keeper before it.
			[ "$pid" = "$(awk 'NR == 1 { print $1 }' "$out")" ] || echo "$call"
		done)
	if [ -n "$late" ]; then
		echo "$way: after the filter: $late"
		bad=$((bad + 1))
	fi
done
for way in late helper listener; do
	calls=$(strace -f -qq -o /dev/stdout "$one" $way 2> /dev/null |
		sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' | sort | uniq -c | awk '{ print $2 ":" ($1 > 2 ? 2 : $1) }')
	for call in $calls; do
		name=${call%:*} times=${call#*:}
		case $name in exit | exit_group | restart_syscall | wait4 | sched_yield) continue ;; esac
		n=1
		while [ "$n" -le "$times" ]; do
			error=EPERM
			[ $((n % 2)) = 0 ] && error=ENOMEM
			timeout 20 strace -f -qq -o /dev/null -e "inject=$name:error=$error:when=$n" "$one" $way > /dev/null 2>&1
			code=$?
			tried=$((tried + 1))
			case $code in
			125) refused=$((refused + 1)) ;;
			99 | 124)
				echo "$way: $name number $n with $error: exit $code"
				bad=$((bad + 1))
				;;
			esac
			n=$((n + 1))
		done
	done
done
echo "$tried failures, $refused launches refused, $bad wrong"
[ "$tried" -gt 60 ] && [ "$refused" -gt 30 ] && [ "$bad" = 0 ]
