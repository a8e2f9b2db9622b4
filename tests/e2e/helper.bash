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

verbs()
{
	"$callgate" completion --words=verbs
}

# The long options of a verb as --help shows them.
options_of()
{
	"$callgate" help "$1" | sed -n '/^options$/,/^$/s/^ \{2,6\}\(-., \)\{0,1\}--\([a-z_-]*\).*/\2/p'
}
