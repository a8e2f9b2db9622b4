#!/bin/sh
# Every system call of a launch fails in turn: the program never runs without its filter, and every failure is said.
# usage: sweep.sh LAUNCH
set -u
launch=$1
command -v strace > /dev/null || { echo "skipped: strace is not installed"; exit 77; }
strace -f -o /dev/null "$launch" 0 2> /dev/null
[ $? = 42 ] || { echo "skipped: strace cannot follow a launch here"; exit 77; }
bad=0 tried=0 refused=0
for caps in 0 0xa80425fb; do
	# Which calls a launch makes, and how often, up to a few of each: the kernel tells.
	calls=$(strace -f -qq -o /dev/stdout "$launch" $caps 2> /dev/null |
		sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' | sort | uniq -c | awk '{ print $2 ":" ($1 > 2 ? 2 : $1) }')
	for call in $calls; do
		name=${call%:*} times=${call#*:}
		case $name in exit | exit_group | rt_sigreturn | restart_syscall) continue ;; esac
		n=1
		while [ "$n" -le "$times" ]; do
			timeout 20 strace -f -qq -o /dev/null -e "inject=$name:error=EPERM:when=$n" "$launch" $caps > /dev/null 2>&1
			code=$?
			tried=$((tried + 1))
			case $code in
			42) ;;
			125 | 126 | 127 | 1 | 137) refused=$((refused + 1)) ;;
			*)
				# 139 and the like: the loader's own death, before main
				if [ "$code" = 99 ] || [ "$code" = 124 ]; then
					echo "caps $caps: $name number $n with EPERM: exit $code"
					bad=$((bad + 1))
				fi
				;;
			esac
			n=$((n + 1))
		done
	done
done
echo "$tried failures, $refused launches refused, $bad wrong"
[ "$tried" -gt 40 ] && [ "$refused" -gt 10 ] && [ "$bad" = 0 ]
