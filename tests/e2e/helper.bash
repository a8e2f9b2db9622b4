# Loaded by every .bats file. CALLGATE is the program under test, set by meson; by hand: the newest build.
root=${CALLGATE_SOURCE:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
callgate=${CALLGATE:-$root/build/src/cli/callgate}
shared=${CALLGATE_SHARED:-$root/../shared}
export NO_COLOR=1 LC_ALL=C.UTF-8

# A directory that is gone after the test; the cache of proven programs lives in it too.
setup()
{
	dir=$(mktemp -d)
	export XDG_CACHE_HOME=$dir/.cache
	mkdir "$XDG_CACHE_HOME"
	cd "$dir" || return 1
}

teardown()
{
	cd / && rm -rf "$dir"
}

# separately COMMAND...: $status, $stdout and $stderr.
separately()
{
	status=0
	"$@" >"$dir/.stdout" 2>"$dir/.stderr" </dev/null || status=$?
	stdout=$(<"$dir/.stdout") stderr=$(<"$dir/.stderr")
}

# exits N / says TEXT (standard output) / complains TEXT (standard error): what the last `separately` did.
exits()
{
	[ "$status" = "$1" ] || { printf 'exit status %s, not %s\n%s\n%s\n' "$status" "$1" "$stdout" "$stderr"; return 1; }
}
says()
{
	[[ $stdout == *"$1"* ]] || { printf 'standard output lacks: %s\n%s\n' "$1" "$stdout"; return 1; }
}
complains()
{
	[[ $stderr == *"$1"* ]] || { printf 'standard error lacks: %s\n%s\n' "$1" "$stderr"; return 1; }
}

# not COMMAND...: a plain "! COMMAND" fails no test, unless it is the last one.
not()
{
	! "$@"
}

verbs()
{
	"$callgate" completion --words=verbs
}

# The help of every verb, asked for once in a file of tests: a file each, below $helps.
helps=$BATS_FILE_TMPDIR/help
ask_helps()
{
	[ ! -e "$helps" ] || return 0
	mkdir "$helps"
	for verb in $(verbs); do
		"$callgate" help "$verb" >"$helps/$verb"
	done
	[ "$(find "$helps" -type f -size +0 | wc -l)" -gt 30 ]
}

# Every long option as --help shows them: "verb option", sorted.
every_option()
{
	ask_helps
	(cd "$helps" && sed -sn '/^options$/,/^$/{s/^ \{2,6\}\(-., \)\{0,1\}--\([a-z_-]*\).*/\2/;T;F;p}' *) | paste -d' ' - - | sort
}
