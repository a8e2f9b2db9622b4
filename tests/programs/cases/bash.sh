# shellcheck shell=bash
cat >script <<'S'
set -euo pipefail
trap 'echo usr1 >>signals' USR1
lines=$(seq 1000 | grep -c 7 | tee copy)
[ "$lines" = 271 ] && [ "$(cat copy)" = 271 ]
diff <(sort <<<$'b\na') <(printf 'a\nb\n')
coproc cat
echo through >&"${COPROC[1]}"
read -r word <&"${COPROC[0]}"
[ "$word" = through ]
exec {COPROC[1]}>&-
sleep 0.05 & sleep 0.01 & wait -n; wait
(exit 3) || [ $? = 3 ]
kill -USR1 $$
[ "$(cat signals)" = usr1 ]
mkfifo pipe; echo fifo >pipe & read -r word <pipe; wait; [ "$word" = fifo ]
set -m; sleep 5 & kill %%; wait %% || [ $? = 143 ]; set +m
ulimit -c 0; ulimit -n 256; umask 027; time true
shopt -s globstar; printf '%s\n' ./** >/dev/null
exec 5<>file; echo five >&5; [ "$(cat file)" = five ]
printf '%(%s)T\n' -1 >/dev/null
echo "pid $$, $lines lines"
S
out=$(gated bash script)
[[ $out == pid*271\ lines ]] || fail "unexpected: $out"
echo "$BASH_VERSION: pipes, jobs, coprocess, traps, process substitution"
