# Goal: every verb has a manual page, and page, help and option table say the same.
load helper

page()
{
	local page=$CALLGATE_BUILD/man/$1
	[ -f "$page" ] || skip "no manual pages in this build (scdoc is missing)"
	# formatted without hyphenation or adjustment, escapes of roff undone
	sed -e 's/\\fB\|\\fI\|\\fR\|\\fP//g; s/\\-/-/g; s/\\&//g; s/\\//g' "$page"
}

# The agent is the administrator's.
page_of()
{
	case $1 in
	agent) page "callgate-$1.8" ;;
	*) page "callgate-$1.1" ;;
	esac
}

@test "every verb has a page with the same options as its help" {
	for verb in $(verbs); do
		text=$(page_of "$verb")
		for option in $(options_of "$verb"); do
			[[ $text == *"--$option"* ]] || { echo "callgate-$verb(1) lacks --$option"; return 1; }
		done
	done
}

@test "every page has an example" {
	[ -f "$CALLGATE_BUILD/man/callgate.1" ] || skip "no manual pages in this build (scdoc is missing)"
	for page in "$CALLGATE_BUILD"/man/*.[1-8]; do
		grep -q '^.SH EXAMPLES' "$page" || { echo "$page has no EXAMPLES"; return 1; }
	done
}

@test "callgate(1) names every verb" {
	text=$(page callgate.1)
	for verb in $(verbs); do
		[[ $text == *"callgate-$verb"* ]] || { echo "callgate(1) lacks $verb"; return 1; }
	done
}

@test "every option in a page exists" {
	for verb in $(verbs); do
		for option in $(page_of "$verb" | sed -n '/^.SH OPTIONS/,/^.SH [^O]/p' | grep -oE -- '^(-., )?--[a-z_-]+' |
			sed 's/.*--//'); do
			options_of "$verb" | grep -qx -- "$option" || { echo "callgate-$verb(1): --$option does not exist"; return 1; }
		done
	done
}
