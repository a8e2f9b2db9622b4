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
	ask_helps
	for verb in $(verbs); do
		"$callgate" "$verb" --help 2>&1 | diff "$helps/$verb" -
		[ "$verb" = run ] || "$callgate" "$verb" -h 2>&1 | diff "$helps/$verb" - # there -h is the host name, as in docker run
		grep -qF "usage: callgate $verb [OPTION...]" "$helps/$verb"
	done
	for heading in options examples 'exit status'; do
		[ -z "$(grep -Lx -- "$heading" "$helps"/*)" ]
	done
	[ -z "$(grep -L -- --help "$helps"/*)" ]
}

@test "no line of help is wider than 100 columns" {
	ask_helps
	"$callgate" help >all
	not grep -E '.{101}' "$helps"/* all
}

@test "the version is one line" {
	separately "$callgate" --version
	exits 0
	[[ $stdout =~ ^callgate\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "colours appear when they are asked for, and not in a pipe" {
	unset NO_COLOR
	"$callgate" help --color=always | grep -q $'\033'
	not grep -q $'\033' <("$callgate" help)
	CLICOLOR_FORCE=1 "$callgate" help | grep -q $'\033'
	not grep -q $'\033' <(NO_COLOR=1 CLICOLOR_FORCE=1 "$callgate" help)
}

@test "output that cannot be written is an error" {
	[ -c /dev/full ] || skip "no /dev/full here"
	status=0
	"$callgate" help >/dev/full 2>err || status=$?
	[ "$status" = 2 ]
	grep -q "writing standard output" err
}
