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

# pairs SHELL: every "verb option" in its script.
pairs()
{
	case $1 in
	bash) sed -n "s/^	\([a-z]*\)) options='\([^']*\)' first=.*/\1 \2/p" | awk '{ for (i = 2; i <= NF; i++) print $1, $i }' ;;
	zsh) awk '/^\t[a-z]*\) _arguments/ { verb = $1; sub(/\)/, "", verb) }
		verb && match($0, /^\t\t.--[a-z_-]*/) { print verb, substr($0, 4, RLENGTH - 3) }
		/;;$/ { verb = "" }' ;;
	fish) sed -n "s/.*seen_subcommand_from \([a-z]*\)' -l \([a-z_-]*\) .*/\1 --\2/p" ;;
	esac | sed 's/--//; s/=$//' | sort
}

@test "every option of every verb is in every script" {
	every_option >want
	for shell in bash zsh fish; do
		"$callgate" completion "$shell" | pairs "$shell" | diff want -
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
	not grep '(null)' <("$callgate" completion zsh; "$callgate" completion bash; "$callgate" completion fish)
}
