#!/bin/sh
# Every system call that makes a task's control groups fails in turn: a sentence, or all the same, and nothing is left.
# usage: cgroup_fail.sh MAKER
set -u
maker=$1
id=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
command -v strace > /dev/null || { echo "skipped: strace is not installed"; exit 77; }
"$maker" "$id" || { echo "skipped: these limits cannot be had here"; exit 77; }
strace -o /dev/null "$maker" "$id" || { echo "skipped: strace cannot follow a launch here"; exit 77; }
bad=0 tried=0 refused=0
calls=$(strace -qq -o /dev/stdout "$maker" "$id" | sed -n 's/^\([a-z_0-9]*\)(.*/\1/p' | sort | uniq -c | awk '{ print $2 ":" $1 }')
for call in $calls; do
	name=${call%:*} times=${call#*:}
	# What removes cannot fail without something being left, and the loader's calls are before main.
	case $name in openat | read | write | mkdirat | mkdir | fstatfs | faccessat2 | bpf | uname | clone3) ;; *) continue ;; esac
	[ "$times" -le 40 ] || times=40
	n=1
	while [ "$n" -le "$times" ]; do
		said=$(timeout 20 strace -qq -o /dev/null -e "inject=$name:error=EACCES:when=$n" "$maker" "$id" 2>&1)
		code=$?
		tried=$((tried + 1))
		case $code in
		0) ;;
		2) refused=$((refused + 1)) ;;
		127) ;; # the loader
		*)
			echo "$name number $n: exit $code: $said"
			bad=$((bad + 1))
			;;
		esac
		n=$((n + 1))
	done
done
echo "$tried failures, $refused refused, $bad wrong"
[ "$tried" -gt 40 ] && [ "$refused" -gt 10 ] && [ "$bad" = 0 ]
