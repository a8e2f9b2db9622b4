# Goal: merged and converted profiles mean what they should.
load helper

@test "an intersection allows nothing that either does not" {
	cp "$root/examples/web.json" .
	separately "$callgate" merge --intersect web.json default -o both.json
	exits 0
	for one in web.json default; do
		separately "$callgate" subset both.json "$one"
		exits 0
	done
}

@test "a union allows all that either does" {
	cp "$root/examples/web.json" .
	separately "$callgate" merge --union web.json default -o any.json
	exits 0
	for one in web.json default; do
		separately "$callgate" subset "$one" any.json
		exits 0
	done
}

@test "merging a file with itself keeps its meaning" {
	cp "$root/examples/web.json" .
	for how in --union --intersect; do
		"$callgate" merge "$how" web.json web.json -o out.json
		separately "$callgate" diff web.json out.json --format=json
		# only how a call of an uncovered architecture dies cannot be written
		[ -z "$(grep -v '"arch": null' <<<"$stdout")" ]
	done
}

@test "the default profile converted for containerd is what containerd then reads" {
	separately "$callgate" convert default --to=oci --arch=x86_64 -o oci.json
	exits 0
	separately "$callgate" diff default containerd:oci.json --arch=x86_64 --format=json
	# x32 is not covered: how such a call dies is up to the engine
	not grep '"arch": "x86_64", "syscall": "' <<<"$stdout"
}

@test "converting needs to be told for whom, merging how" {
	separately "$callgate" convert default
	exits 2
	complains "convert needs --to"
	separately "$callgate" merge default unconfined
	exits 2
	complains "merge needs --union or --intersect"
	separately "$callgate" merge --union --intersect default unconfined
	exits 2
	separately "$callgate" convert default --to=dokcer
	exits 2
	complains "did you mean 'docker'?"
}

@test "what a dialect cannot say is refused with the way out" {
	cp "$root/examples/web.json" "$root/examples/first.json" .
	separately "$callgate" convert web.json --to=podman -o out.json
	exits 2
	complains "the podman dialect cannot say this for these architectures: "
	complains "; for one architecture it may: --arch=x86_64"
	[ ! -e out.json ]
	separately "$callgate" convert web.json --to=podman --arch=x86_64 -o out.json
	exits 0
	separately "$callgate" merge --union web.json first.json -o out2.json
	exits 2
	complains "the callgate dialect cannot say what happens to 'statfs' (99) on x86; for one architecture it may: --arch=x86_64"
	[ ! -e out2.json ]
}
