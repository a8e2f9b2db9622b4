# Goal: what this kernel can do, what for, and what happens without it.
load helper

@test "every fact says what it is for" {
	separately "$callgate" doctor
	exits 0
	says "SECCOMP_FILTER_FLAG_TSYNC"
	says "for: "
}

@test "json has one object per fact with unique ids" {
	separately "$callgate" doctor --format=json
	exits 0
	python3 - "$stdout" <<-'EOF'
		import json, sys
		facts = [json.loads(line) for line in sys.argv[1].splitlines()]
		assert len(facts) > 15 and len({f["id"] for f in facts}) == len(facts)
		for f in facts:
		    assert list(f) == ["group", "id", "name", "state", "value", "needed_for", "without"], f
		    assert f["state"] in ("yes", "no", "unknown") and f["needed_for"] and f["without"], f
	EOF
}
