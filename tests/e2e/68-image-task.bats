# Goal: an app whose file system is an image: what the image says applies, under the profile, and goes on through restarts.
load helper
load agent
load marathon

# An image store of the test's own: the agent's is in a /var/lib/callgate that only it and what it starts see.
own_store()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	busybox=$(command -v busybox) || skip "no busybox here"
	ldd "$busybox" 2>/dev/null | grep -q '=>' && skip "busybox here is not static"
	unshare --mount --propagation=private sh -c 'mount -t tmpfs none /var/lib' || skip "nothing can be mounted here"
	mkdir -p "$dir/bin" "$dir/var"
	real=$callgate
	cat >"$dir/bin/callgate" <<-END
		#!/bin/sh
		exec unshare --mount --propagation=private sh -c 'mount -t tmpfs -o mode=755 none /var/lib && mkdir /var/lib/callgate &&
			mount --bind "$dir/var" /var/lib/callgate && exec "$real" "\$@"' sh "\$@"
	END
	chmod 755 "$dir/bin/callgate"
	ln -s "${real%/*}/callgate-front" "$dir/bin/callgate-front"
	callgate=$dir/bin/callgate
}

# layout DIR: an OCI layout of one image, "web".
layout()
{
	python3 - "$1" "$busybox" <<-'END'
		import hashlib, io, json, os, platform, sys, tarfile
		top, program = sys.argv[1:3]
		os.makedirs(top + "/blobs/sha256")
		def blob(data, kind):
		    name = hashlib.sha256(data).hexdigest()
		    open(top + "/blobs/sha256/" + name, "wb").write(data)
		    return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + name, "size": len(data)}
		out = io.BytesIO()
		with tarfile.open(fileobj=out, mode="w") as tar:
		    def add(name, data, mode):
		        info = tarfile.TarInfo(name)
		        info.size, info.mode = len(data), mode
		        tar.addfile(info, io.BytesIO(data))
		    add("bin/busybox", open(program, "rb").read(), 0o755)
		    add("entry", b'#!/bin/busybox sh\necho "$* $FROM_IMAGE $FROM_APP $(busybox id -u):$(busybox id -g)"\nexec busybox sleep 1000\n', 0o755)
		    add("etc/passwd", b"web:x:1234:5678::/:/bin/busybox\n", 0o644)
		layer = out.getvalue()
		arch = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "ppc64le": "ppc64le", "s390x": "s390x"}.get(platform.machine(), "386")
		config = {"architecture": arch, "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
		          "config": {"Entrypoint": ["/entry"], "Cmd": ["the image's"], "User": "web", "Env": ["PATH=/bin", "FROM_IMAGE=yes", "FROM_APP=no"]}}
		manifest = {"schemaVersion": 2, "config": blob(json.dumps(config).encode(), "config.v1+json"), "layers": [blob(layer, "layer.v1.tar")]}
		entry = dict(blob(json.dumps(manifest).encode(), "manifest.v1+json"), annotations={"org.opencontainers.image.ref.name": "web"})
		json.dump({"schemaVersion": 2, "manifests": [entry]}, open(top + "/index.json", "w"))
		json.dump({"imageLayoutVersion": "1.0.0"}, open(top + "/oci-layout", "w"))
	END
}

# says_first TEXT: the task's first line of output, in a while.
says_first()
{
	local i
	for i in $(seq 200); do
		out=$("$callgate" logs --state-dir "$dir/state/tasks" "$container" 2>/dev/null | head -n 1)
		[ -z "$out" ] || break
		sleep 0.1
	done
	[ "$out" = "$1" ] || { echo "'$out' is not '$1'"; return 1; }
}

@test "entrypoint, environment and user of the image apply, the filter is on, and a restart keeps all of it" {
	own_store
	layout "$dir/layout"
	image=$("$callgate" image pull "oci:$dir/layout:web" | cut -d' ' -f1)
	[ "$image" = "oci:$dir/layout:web" ]
	agent_start
	api POST /v2/apps '{"id":"/a","args":["mine"],"env":{"FROM_APP":"yes"},"cpus":0.1,"mem":32,"container":{"type":"MESOS","docker":{"image":"'"$image"'"},"linuxInfo":{"seccomp":{"profileName":"default.json"}}}}'
	answers 201
	until_running a 1
	pid=$(task_pid a)
	container=$(grep -o '"containerId": "[^"]*"\|"container": "[^"]*"' <<<"$body" | head -n 1 | sed 's/.*: "//; s/"$//')
	[ -n "$container" ]
	says_first "mine yes yes 1234:5678"
	confined()
	{
		[ "$(awk '$1 == "Seccomp:" { print $2 }' "/proc/$pid/status")" = 2 ]
		[ "$(awk '$1 == "Uid:" { print $2 }' "/proc/$pid/status")" = 1234 ]
		"$real" diff "pid:$pid" "$dir/profiles/default.json"
	}
	confined
	agent_end KILL
	[ -d "/proc/$pid" ]
	agent_start
	until_running a 1
	[ "$(task_pid a)" = "$pid" ]
	confined
	# Its image is in use; one that is not kept fails the launch and is told.
	separately "$callgate" image --state-dir="$dir/state/tasks" rm "$image"
	[ "$status" != 0 ]
	complains "is in use by a task"
	api POST /v2/apps '{"id":"/b","cmd":"true","cpus":0.1,"mem":32,"backoffSeconds":300,"container":{"type":"MESOS","docker":{"image":"absent"}}}'
	answers 201
	until_api /v2/apps/b '"message": "Failed to launch container: '
	[[ $body == *absent* ]]
	# An imported root file system says nothing of all that: the app does.
	"$callgate" image import - plain <"$(find "$dir/layout/blobs/sha256" -size +100k)" >/dev/null
	api POST /v2/apps '{"id":"/c","args":["/bin/busybox","sleep","1000"],"user":"web","cpus":0.1,"mem":32,"container":{"type":"MESOS","docker":{"image":"plain"}}}'
	answers 201
	until_running c 1
	pid=$(task_pid c)
	confined
}
