# Goal: bash, zsh and fish complete every verb, option and choice.
load helper

@test "bash takes the script" {
	"$callgate" completion bash | bash -n
}

@test "zsh takes the script" {
	command -v zsh >/dev/null || skip "no zsh here"
	"$callgate" completion zsh >_callgate
	zsh -n _callgate
}

@test "fish takes the script" {
	command -v fish >/dev/null || skip "no fish here"
	"$callgate" completion fish >callgate.fish
	fish --no-execute callgate.fish
}

@test "every option of every verb is in every script" {
	for verb in $(verbs); do
		for option in $(options_of "$verb"); do
			"$callgate" completion bash | grep -q "^	$verb) options='.*--$option\b"
			"$callgate" completion zsh | sed -n "/^	$verb) /,/;;/p" | grep -q -- "--$option\b"
			"$callgate" completion fish | grep -q "seen_subcommand_from $verb' -l $option\b"
		done
	done
}

# complete WORD...: what bash offers for the last word.
complete_line()
{
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	PATH=$(dirname "$callgate"):$PATH
	# shellcheck disable=SC1090
	source <("$callgate" completion bash)
	compopt() { :; }
	_callgate 2>/dev/null || true
	printf '%s\n' "${COMPREPLY[@]}"
}

@test "bash offers verbs, options, choices and the program's own words" {
	complete_line callgate comple | grep -qx completion
	complete_line callgate completion --wo | grep -qx -- --words=
	complete_line callgate completion --words = ca | grep -qx calls
	complete_line callgate completion --words = | grep -qx arches
	complete_line callgate completion z | grep -qx zsh
	complete_line callgate help ver | grep -qx version
}

@test "the lists of words hold what they should" {
	"$callgate" completion --words=calls | grep -qx openat2
	"$callgate" completion --words=arches | grep -qx x86_64
	"$callgate" completion --words=caps | grep -qx CAP_SYS_ADMIN
	"$callgate" completion --words=sources | grep -qx docker:
}
