# Goal: for any call, what happens and which line says so.
load helper


web()
{
	cp "$root/examples/web.json" .
}

@test "an allowed, a denied and a conditional call" {
	web
	separately "$callgate" explain web.json --arch=x86_64 --kernel=6.1 read mount socket
	exits 0
	says "x86_64:read (0)"
	says "errno EPERM  always  web.json:2:19 (the default action)"
	says "x86_64:socket (41): depends on its arguments"
	says "arg0 == 10"
}

@test "a call with arguments is decided for these" {
	web
	separately "$callgate" explain web.json --arch=x86_64 'socket(2)' 'socket(40)'
	exits 0
	says "allow  always  web.json:25:14"
	says "errno EPERM  always"
}

@test "a call younger than the profile gets ENOSYS" {
	web
	separately "$callgate" explain web.json --arch=x86_64 statmount --format=json
	exits 0
	says '"errno": "ENOSYS"'
	says '"reason": "enosys"'
}

@test "json has the keys that the issue names, once per call" {
	web
	separately "$callgate" explain web.json --arch=x86_64 mount 'socket(_, 1)' clone --format=json
	exits 0
	python3 - "$stdout" <<-'EOF'
		import json, sys
		mount, socket, clone = [json.loads(line) for line in sys.argv[1].splitlines()]
		keys = "arch syscall number args verdict errno conditional rule reason comment outcomes complete".split()
		assert list(mount) == list(socket) == list(clone) == keys, list(mount)
		assert mount["arch"] == "x86_64" and mount["number"] == 165 and mount["args"] == [] and mount["errno"] == "EPERM"
		assert mount["rule"] == {"file": "web.json", "line": 2, "column": 19} and mount["reason"] == "default"
		assert socket["args"] == [None, 1] and socket["conditional"] is True and len(socket["outcomes"]) == 4
		assert clone["conditional"] is True and clone["outcomes"][-1]["verdict"] == "allow"
		assert clone["outcomes"][-1]["when"] is None
	EOF
}

@test "without a call every call of the architecture is in one of three groups" {
	separately "$callgate" explain default --arch=x86_64
	exits 0
	says "allowed on x86_64 ("
	says "conditional on x86_64 ("
	says "denied on x86_64 ("
	total=$(grep -oE '^[a-z]+ on x86_64 \([0-9]+\)' <<<"$stdout" | grep -oE '[0-9]+\)' | tr -d ')' | paste -sd+ | sed 's/^/(/; s/$/)/')
	json=$("$callgate" explain default --arch=x86_64 --format=json | wc -l)
	[ "$((total))" = "$json" ]
	[ "$json" -gt 350 ]
}

@test "an architecture in front of a call counts" {
	separately "$callgate" explain default --arch=x86_64,x86 'x86:socketcall(1)'
	exits 0
	says "x86:socketcall (102)"
}

@test "a misspelt call, a bad argument and a missing file say so" {
	separately "$callgate" explain default moutn
	exits 2
	complains "no system call is named 'moutn' (did you mean 'mount'?)"
	separately "$callgate" explain default 'socket(x)'
	exits 2
	complains "column 8"
	separately "$callgate" explain nothing.json mount
	exits 2
	complains "'nothing.json'"
}

@test "options of resolving are held against what there is" {
	separately "$callgate" explain default mount --arch=x86_46
	exits 2
	complains "unknown architecture 'x86_46' (did you mean 'x86_64'?)"
	separately "$callgate" explain default mount --caps=CAP_SYS_ADMN
	exits 2
	complains "unknown capability 'CAP_SYS_ADMN' (did you mean 'CAP_SYS_ADMIN'?)"
	separately "$callgate" explain default mount --kernel=six
	exits 2
	complains "'--kernel' takes a release such as 6.1, not 'six'"
}

@test "a capability opens what depends on it" {
	separately "$callgate" explain default --arch=x86_64 mount --caps=docker --format=json
	says '"verdict": "errno"'
	separately "$callgate" explain default --arch=x86_64 mount --caps=docker,CAP_SYS_ADMIN --format=json
	says '"verdict": "allow"'
}

@test "unconfined is only the word" {
	separately "$callgate" explain unconfined mount --format=json
	exits 0
	says '"verdict": "allow"'
	says '"reason": "unconfined"'
}
