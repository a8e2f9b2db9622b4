# Goal: images are fetched from layouts and archives, kept once, and removed.
load helper

# image ARG...: with a store in the test's directory
image()
{
	separately "$callgate" image --store="$dir/store" --state-dir="$dir/state" "$@"
}

# A tree with a file, a link and a directory, as rootfs.tar.
rootfs()
{
	mkdir -p root/etc root/bin
	echo "hello" >root/etc/motd
	ln -s ../etc/motd root/bin/motd
	tar -C root -cf rootfs.tar .
}

@test "a root file system is imported, listed and removed" {
	rootfs
	image import rootfs.tar mine
	exits 0
	says "mine  sha256:"
	image ls
	exits 0
	says "mine"
	[[ "${stdout%%$'\n'*}" == "IMAGE "*"CREATED" ]]
	[ "$(cat store/layers/sha256-*/etc/motd)" = hello ]
	[ "$(readlink store/layers/sha256-*/bin/motd)" = ../etc/motd ]
	image rm mine
	exits 0
	[ -z "$(ls store/layers store/configs store/refs store/tmp | grep -v :)" ]
}

@test "an import reads standard input, packed or not, to the same image" {
	rootfs
	image import rootfs.tar mine
	first=${stdout#* }
	gzip -k rootfs.tar
	"$callgate" image --store=store import - mine <rootfs.tar.gz >second
	[ "$(cut -d' ' -f2- second)" = "$first" ]
}

@test "-q: names, one a line; digests of what was got" {
	rootfs
	image import -q rootfs.tar two
	exits 0
	digest=$stdout
	[[ $digest == sha256:* ]] && [ "${#digest}" = 71 ]
	image import rootfs.tar one
	says "$digest"
	image ls -q
	[ "$stdout" = "one
two" ] || { echo "$stdout"; return 1; }
	# shellcheck disable=SC2046 # names are words
	image rm $("$callgate" image --store=store ls --quiet)
	exits 0
	image ls -q
	[ -z "$stdout" ]
}

@test "what is missing or misspelt is said" {
	image pull nothing
	exits 2
	complains "there is no image 'nothing' in the store"
	complains "'callgate image pull docker://nothing' fetches it, 'callgate image import' makes one"
	image pulll
	exits 2
	complains "did you mean 'pull'?"
	image import one
	exits 2
	complains "image import takes FILE|- NAME"
	image rm nothing
	exits 2
	image pull oci:nowhere
	exits 2
	[ "$stderr" = "callgate: image 'oci:nowhere': opening 'nowhere': No such file or directory" ] || { echo "$stderr"; return 1; }
	image import /dev/null mine
	exits 2
	complains "it is empty"
}

@test "an image is not removed while a task runs on its layers, through whatever path" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	busybox=$(command -v busybox) || skip "no busybox here"
	ldd "$busybox" 2>/dev/null | grep -q '=>' && skip "busybox here is not static"
	mkdir -p root/bin
	cp "$busybox" root/bin/
	tar -C root -cf rootfs.tar .
	cat >script <<-'EOF'
		callgate=$1
		mount -t tmpfs none /var/lib || exit 77
		"$callgate" image import rootfs.tar mine >/dev/null && "$callgate" image import rootfs.tar again >/dev/null || exit 1
		"$callgate" run --state-dir=state --rm --image=mine -- /bin/busybox true || exit 77
		task=$("$callgate" run --state-dir=state -d --image=mine -- /bin/busybox sleep 60) || exit 1
		# Another name for the same layers goes, the last one does not.
		"$callgate" image --state-dir=state rm again || exit 2
		"$callgate" image --state-dir=state rm mine && exit 3
		"$callgate" image --state-dir=state --store=/var/lib/../lib/callgate/images rm mine && exit 4
		"$callgate" exec --state-dir=state "$task" /bin/busybox true || exit 5
		"$callgate" stop --state-dir=state --time=0 "$task" || exit 6
		"$callgate" image --state-dir=state rm mine || exit 7
		[ -z "$(ls /var/lib/callgate/images/layers)" ] || exit 8
		"$callgate" rm --state-dir=state "$task" || exit 9
	EOF
	# The default store is the one that run looks into: it is in a /var/lib that only this script sees.
	separately unshare --mount --propagation=private sh script "$callgate"
	[ "$status" != 77 ] || skip "no container can be started here: ${stderr%%$'\n'*}"
	exits 0
	complains "image 'mine' is in use by a task"
}
