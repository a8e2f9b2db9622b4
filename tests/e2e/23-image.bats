# Goal: images are fetched from layouts and archives, kept once, and removed.
load helper

# image ARG...: with a store in the test's directory
image()
{
	separately "$callgate" image --store="$dir/store" "$@"
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

@test "what is missing or misspelt is said" {
	image pull nothing
	exits 2
	complains "there is no image 'nothing' in the store"
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
	complains "nowhere"
	image import /dev/null mine
	exits 2
	complains "it is empty"
}
