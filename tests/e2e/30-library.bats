# Goal: a stranger installs the library, builds the example with pkg-config alone, and it runs; the headers are C++ too.
load helper

installed()
{
	[ -d "$CALLGATE_BUILD/meson-info" ] || skip "no build directory to install from (CALLGATE_BUILD)"
	meson install -C "$CALLGATE_BUILD" --no-rebuild --quiet --destdir "$PWD/dest"
	prefix=$PWD/dest/usr/local
	pc=$(dirname "$(find "$PWD/dest" -name callgate.pc)")
	lib=$(dirname "$(find "$PWD/dest" -name libcallgate.so)")
	export PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$PWD/dest LD_LIBRARY_PATH=$lib
}

@test "the example builds against the installed library and answers" {
	installed
	cp "$root/examples/policy.c" "$root/examples/first.json" .
	# shellcheck disable=SC2046 # a list of words
	cc -std=c11 -Wall -Wextra -Werror policy.c $(pkg-config --cflags --libs callgate) -o policy
	run ./policy first.json read 'socket(40)' socket keyctl
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "read: allow (rule, line 6)" ]
	[ "${lines[1]}" = "socket(40): errno (default, line 2)" ]
	[ "${lines[2]}" = "socket: allow if arg0 != 40 (rule, line 12)" ]
	[ "${lines[4]}" = "keyctl: kill_process (rule, line 16)" ]
	[[ "${lines[5]}" == "allows more than the default: "* ]]
	[[ "${lines[6]}" == *" instructions, proven to mean sha256:"* ]]
	run ./policy default
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "allows nothing that the default does not" ]
	run ./policy absent.json
	[ "$status" -eq 2 ]
	[ "$output" = "absent.json: 'absent.json' does not exist" ]
}

@test "the agent's settings are installed once, and name the default profile" {
	installed
	grep -qx 'seccomp_profile_name: default.json' dest/etc/callgate/agent.yaml
	echo 'strict: false' >dest/etc/callgate/agent.yaml
	installed
	[ "$(cat dest/etc/callgate/agent.yaml)" = 'strict: false' ]
}

@test "every public header compiles alone, as C11 and as C++" {
	command -v c++ >/dev/null || skip "no C++ compiler"
	installed
	for header in "$prefix"/include/callgate/*.h; do
		echo "#include <callgate/$(basename "$header")>" >one.c
		cp one.c one.cc
		cc -std=c11 -pedantic -Wall -Wextra -Werror -I"$prefix/include" -fsyntax-only one.c
		c++ -std=c++11 -Wall -Wextra -Werror -I"$prefix/include" -fsyntax-only one.cc
	done
}

@test "everything that a person expects is installed" {
	installed
	[ -x "$prefix/bin/callgate" ]
	[ -n "$(find "$prefix" -path '*man1/callgate-explain.1*')" ] || ! command -v scdoc
	[ -n "$(find "$prefix" -name callgate -path '*bash-completion*')" ]
	[ -n "$(find "$prefix" -name '_callgate')" ]
	[ -n "$(find "$prefix" -name 'callgate.fish')" ]
	"$prefix/bin/callgate" --version
	[ -x "$prefix/libexec/callgate/callgate-front" ]
	[ -x "$prefix/libexec/callgate/callgate-http" ]
	grep -qx 'ExecStart=/usr/local/bin/callgate agent' "$prefix/lib/systemd/system/callgate-agent.service"
	# A restart of the service may signal no task.
	grep -qx 'KillMode=process' "$prefix/lib/systemd/system/callgate-agent.service"
	if command -v systemd-analyze; then # the program is not where the unit says here, which is all that it may find
		run systemd-analyze verify --man=no "$prefix/lib/systemd/system/callgate-agent.service"
		[[ "$output" != *"Unknown"* && "$output" != *"Failed to parse"* ]]
	fi
	grep -q '^u callgate - ' "$prefix/lib/sysusers.d/callgate.conf"
}
