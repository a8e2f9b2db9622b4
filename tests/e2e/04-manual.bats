# Goal: every verb has a manual page, and page, help and option table say the same.
load helper

manual=$CALLGATE_BUILD/man

pages()
{
	[ -f "$manual/callgate.1" ] || skip "no manual pages in this build (scdoc is missing)"
}

# The page of every verb, "verb line" each: the agent's is the administrator's; the escapes of roff are undone.
verb_pages()
{
	(cd "$manual" && awk '{ name = FILENAME; gsub(/^callgate-|\.[18]$/, "", name); gsub(/\\f[BIRP]|\\&/, ""); gsub(/\\/, ""); print name, $0 }' \
		callgate-*.1 callgate-agent.8)
}

@test "every verb has a page with the same options as its help" {
	pages
	verb_pages | awk '{ verb = $1; while (match($0, /--[a-z_-]+/)) {
		print verb, substr($0, RSTART + 2, RLENGTH - 2); $0 = substr($0, RSTART + RLENGTH) } }' | sort -u >have
	every_option | comm -23 - have >lacks
	[ ! -s lacks ] || { cat lacks; return 1; }
}

@test "every page has an example" {
	pages
	[ -z "$(grep -L '^.SH EXAMPLES' "$manual"/*.[1-8])" ]
}

@test "callgate(1) names every verb" {
	pages
	for verb in $(verbs); do
		grep -qF "callgate-$verb" <(sed 's/\\f[BIRP]\|\\//g' "$manual/callgate.1") || { echo "callgate(1) lacks $verb"; return 1; }
	done
}

@test "every option in a page exists" {
	pages
	verb_pages | awk '$2 == ".SH" { inside = $3 == "OPTIONS" }
		inside && match($0, /^[a-z]+ (-., )?--[a-z_-]+/) { verb = $1; $0 = substr($0, 1, RLENGTH); sub(/.*--/, ""); print verb, $0 }' |
		sort -u >have
	[ "$(wc -l <have)" -gt 300 ]
	every_option | comm -13 - have >unknown
	[ ! -s unknown ] || { cat unknown; return 1; }
}

@test "callgate-api(7) has every call of the agent" {
	{
		cd "$root/src"
		sed -n 's/^	{ "\([A-Z]*\)", "\(\/[^"]*\)", .*/\1 \2/p' mesos/mesos.c agent/routes.c agent/profiles_list.c marathon/rest.c metronome/rest.c |
			sed 's/\/\*$/\/ID/'
		sed -n 's/^	{ "\([A-Z]*\)", "J\([^"]*\)", .*/\1 \/v1\/jobs\/ID\2/p' metronome/rest.c | sed 's/schedules\/S/schedules\/SID/; s/runs\/S/runs\/RID/'
	} | grep -v 'POST /v1/jobs/ID$' | sort -u >"$dir/routes" # that one stands for those below it
	[ "$(wc -l <"$dir/routes")" -gt 50 ]
	grep -oE '\*(GET|POST|PUT|PATCH|DELETE) [^*]*' "$root/man/callgate-api.7.scd" | sed 's/^\*//; s/NAME$/ID/' | sort -u >"$dir/told"
	diff "$dir/routes" "$dir/told"
}

@test "every call of Mesos' operator API is in callgate-api(7)" {
	for call in $(grep -ohE '^	\{ "[A-Z_]+", ' "$root"/src/mesos/*.c | sed 's/^	{ "//; s/", //'); do
		[[ $call =~ ^(GET|POST)$ ]] || grep -q "${call//_/\\\\_}" "$root/man/callgate-api.7.scd" || { echo "$call"; return 1; }
	done
}
