# Goal: a mistyped word is named, and the nearest right one offered.
load helper

@test "an unknown verb is answered with the nearest" {
	separately "$callgate" complation
	exits 2
	complains "unknown verb 'complation' (did you mean 'completion'?)"
	[ -z "$stdout" ]
}

@test "a verb like no other gets no guess" {
	separately "$callgate" frobnicate
	exits 2
	complains "unknown verb 'frobnicate'"
	[[ $stderr != *"did you mean"* ]]
}

@test "an unknown option of every verb is answered, with the status of its class" {
	for verb in $(verbs); do
		case $verb in
		run | exec) want=125 ;;
		ps | logs | stop | kill | rm | wait | inspect) want=1 ;;
		agent | apply | apps | jobs | profiles | describe | events | restart | scale | delete) want=1 ;;
		*) want=2 ;;
		esac
		separately "$callgate" "$verb" --hlep
		exits "$want"
		complains "unknown option '--hlep' for $verb (did you mean '--help'?)"
		separately "$callgate" "$verb" -Z
		exits "$want"
		complains "unknown option '-Z' for $verb"
	done
}

@test "an option's value is held against its choices" {
	separately "$callgate" completion --words=cals
	exits 2
	complains "'--words' takes calls|arches|caps|sources|tasks|any-tasks|apps|owners|things|verbs|image, not 'cals' (did you mean 'calls'?)"
}

@test "a missing or surplus value of an option is named" {
	separately "$callgate" completion --words
	exits 2
	complains "option '--words' needs a value"
	separately "$callgate" version --help=yes
	exits 2
	complains "'--help' is a switch: true or false, not 'yes'"
}

@test "a missing operand is named as the usage line has it" {
	separately "$callgate" completion
	exits 2
	complains "completion needs SHELL"
	separately "$callgate" help a b
	exits 2
	complains "'b' is one too many"
}

@test "control bytes of a bad word are shown, not sent" {
	separately "$callgate" $'\033[31mred'
	exits 2
	complains '\x1b[31mred'
	[[ $stderr != *$'\033'* ]]
}

@test "an option before the verb is explained" {
	separately "$callgate" --format=json
	exits 2
	complains "before the verb"
}
