# Goal: a person who knows nothing finds every verb, what it does, and an example.
load helper

@test "help lists every verb on standard output" {
	separately "$callgate" --help
	exits 0
	for verb in $(verbs); do
		says "  $verb "
	done
	[ -z "$stderr" ]
}

@test "without a verb the same text is an error" {
	separately "$callgate"
	exits 2
	complains "usage: callgate VERB"
	[ -z "$stdout" ]
}

@test "every verb has help with a usage line, options, an example and its exit status" {
	for verb in $(verbs); do
		separately "$callgate" "$verb" --help
		exits 0
		says "usage: callgate $verb [OPTION...]"
		says "$(printf '\noptions\n')"
		says "--help"
		says "$(printf '\nexamples\n')"
		says "$(printf '\nexit status\n')"
		short=$stdout
		separately "$callgate" help "$verb"
		[ "$stdout" = "$short" ]
		[ "$verb" != run ] || continue # there -h is the host name, as in docker run
		separately "$callgate" "$verb" -h
		[ "$stdout" = "$short" ]
	done
}

@test "no line of help is wider than 100 columns" {
	for verb in $(verbs); do
		! "$callgate" help "$verb" | grep -E '.{101}'
	done
	! "$callgate" help | grep -E '.{101}'
}

@test "the version is one line" {
	separately "$callgate" --version
	exits 0
	[[ $stdout =~ ^callgate\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "colours appear when they are asked for, and not in a pipe" {
	unset NO_COLOR
	"$callgate" help --color=always | grep -q $'\033'
	! "$callgate" help | grep -q $'\033'
	CLICOLOR_FORCE=1 "$callgate" help | grep -q $'\033'
	! NO_COLOR=1 CLICOLOR_FORCE=1 "$callgate" help | grep -q $'\033'
}

@test "output that cannot be written is an error" {
	[ -c /dev/full ] || skip "no /dev/full here"
	status=0
	"$callgate" help >/dev/full 2>err || status=$?
	[ "$status" = 2 ]
	grep -q "writing standard output" err
}
