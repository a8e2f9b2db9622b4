# Goal: the flags of docker run and podman run, typed without thinking: honoured, or refused in words.
load helper

task()
{
	"$callgate" run --state-dir="$dir/state" --rm "$@"
}

runs()
{
	task -- true 2>/dev/null || skip "no container can be started here: $(task -- true 2>&1 | head -n 1)"
}

# refused WORDS FLAG...: nothing runs, and this is said.
refused()
{
	local words=$1
	shift
	separately task "$@" -- touch "$dir/ran"
	exits 125
	complains "$words"
	[ ! -e "$dir/ran" ]
	[ ! -e "$dir/state" ]
}

@test "a flag that docker knows and callgate does not is refused with the reason" {
	for flag in --publish=80:80 --publish --publish-all --gpus=all --device=/dev/fuse --pull=always --platform=linux/arm64 \
		--health-cmd=true --link=db --dns=1.1.1.1 --ip=10.0.0.2 --mac-address=x --volumes-from=db --runtime=runc -p -P -p80:80; do
		refused "is not for callgate run: " "$flag"
	done
	refused "there is no network 'bridge' here" --network=bridge
	refused "the agent restarts tasks" --restart=always
	refused "k8s-file" --log-driver=journald
	refused "'--cap-add' and '--cap-drop'" --caps=none
}

@test "every option of run is one that the table of flags reads" {
	for option in $(every_option | sed -n 's/^run //p'); do
		case $option in
		# run's own, without or with a value
		help | replace | explain) value= ;;
		format | color) value=x ;;
		state-dir | arch | kernel) continue ;;
		*) value=$'\n' ;;
		esac
		# A value that is wrong for everything but a few texts: either it is a switch, or its own sentence comes.
		separately "$callgate" run "--$option${value:+=$value}" --explain --isolation=no-such -- true
		[[ $stderr != *"unknown option"* ]] || { echo "--$option"; return 1; }
	done
}

@test "bad values say what is meant" {
	refused "64m or 1.5g, not '64x'" -m 64x
	refused "did you mean 'nofile'?" --ulimit nofiles=1
	refused "did you mean 'CAP_SYS_ADMIN'?" --cap-add SYS_ADMN
	refused "did you mean 'linux/seccomp'?" --isolation=linux/secomp
	refused "'./data'" -v data:/data
	refused "unknown option '--memry' for run (did you mean '--memory'?)" --memry=1
	refused "'--rm' is a switch: true or false, not 'yes'" --rm=yes
	refused "cannot read 'no-such-file'" --env-file no-such-file
	printf 'A=1\nA B=2\n' >vars
	refused "vars:2: the name 'A B' has a blank" --env-file vars
	refused "user" -u 0x0
	separately "$callgate" run -h
	exits 125
	complains "option '-h' needs a value"
}

@test "what cannot be together is refused, not ignored" {
	refused "'cgroups/mem'" --isolation=linux/seccomp -m 64m
	refused "'filesystem/linux'" --isolation=linux/seccomp --read-only
	refused "'linux/seccomp'" --isolation=namespaces/pid --profile=default
	refused "seccomp=unconfined" --isolation=namespaces/pid
	refused "belongs to the host" --userns=auto --network host
	refused "two profiles" --profile=a.json --security-opt seccomp=b.json
	refused "'--replace' needs '--name'" --replace
}

@test "docker's habits: clusters, values behind letters, switches set to false" {
	runs
	separately task -eA=1 -e B=2 --env=C=3 --rm=false --rm -i -h box --no-log -- sh -c 'echo $A$B$C; hostname'
	exits 0
	[ "$stdout" = $'123\nbox' ]
	printf '# c\nD= 4 \nHOME_OF\n' >vars
	HOME_OF=me separately task --env-file=vars -e HOME_OF -- sh -c 'echo "$D$HOME_OF"'
	[ "$stdout" = " 4 me" ]
	printf in >input
	"$callgate" run --state-dir="$dir/state" --rm -i -- cat <input >output
	[ "$(cat output)" = in ]
	"$callgate" run --state-dir="$dir/state" --rm -- cat <input >output
	[ ! -s output ]
}

@test "a task has its own directory, host name, processes and no network" {
	runs
	separately task -- sh -c 'pwd; ls -A /tmp | wc -l; echo $$; ls /sys/class/net 2>/dev/null; ps ax 2>/dev/null | wc -l'
	exits 0
	[[ $stdout == $'/tmp\n0\n1\n'* ]]
	[[ $stdout != *eth0* ]]
}

@test "users, groups, capabilities, limits and no_new_privs are those that were asked for" {
	runs
	[ "$(id -u)" = 0 ] || skip "needs root"
	separately task -u 65534:65533 --group-add 7 --cap-drop ALL --cap-add NET_BIND_SERVICE --security-opt no-new-privileges \
		--ulimit nofile=100:200 --ulimit core=0 -- sh -c 'id -u; id -g; id -G; grep -E "NoNewPrivs|CapBnd|Seccomp:" /proc/self/status
		ulimit -Sn; ulimit -Hn; ulimit -c'
	exits 0
	[ "$stdout" = $'65534\n65533\n65533 7\nCapBnd:\t0000000000000400\nNoNewPrivs:\t1\nSeccomp:\t2\n100\n200\n0' ] || { echo "$stdout"; return 1; }
}

@test "volumes and tmpfs" {
	runs
	[ "$(id -u)" = 0 ] || skip "needs root"
	mkdir data
	echo hello >data/file
	separately task -v ./data:/mnt:ro --tmpfs /media:size=1m -- sh -c 'cat /mnt/file; touch /mnt/x 2>/dev/null || echo no; touch /media/x && echo yes'
	exits 0
	[ "$stdout" = $'hello\nno\nyes' ]
	separately task --mount "type=bind,source=$dir/data,target=/mnt" -- sh -c 'echo more >/mnt/more'
	exits 0
	[ "$(cat data/more)" = more ]
}

@test "a task in the background: its id, its file, its name, its replacement" {
	runs
	separately "$callgate" run --state-dir="$dir/state" -d --rm --name=web --cidfile=id -- sleep 60
	exits 0
	[[ $stdout =~ ^[0-9a-f]{64}$ ]]
	first=$stdout
	[ "$(cat id)" = "$first" ]
	separately task --cidfile=id -- true
	exits 125
	complains "is there already"
	separately task --name=web -- true
	exits 125
	complains "is taken"
	separately task --replace --name=web --stop-timeout=0 -- echo replaced
	exits 0
	says replaced
	[ -z "$(ls "$dir/state/containers" "$dir/state/names" 2>/dev/null | grep -v : || true)" ]
}

@test "out of time is 124, and a missing program that looks like an image gets a hint" {
	runs
	separately task --timeout=0.2 --stop-timeout=0 -- sleep 60
	exits 124
	separately task alpine:3.18 true
	exits 127
	complains "--image=alpine:3.18"
	separately task --rm --image=no-such-image -- true
	exits 125
	complains "there is no image 'no-such-image' in the store"
	complains "callgate image pull docker://no-such-image"
}

@test "--explain prints the launch and does none of it" {
	runs
	separately task --explain -m 64m -- touch "$dir/ran"
	exits 0
	says "filter"
	says "execve"
	[ ! -e ran ]
	[ "$(grep -cE '^ *[0-9]+  execve ' <<<"$stdout")" = 1 ]
	separately task --explain --format=json -- true
	python3 -c 'import json,sys; json.loads(sys.argv[1])' "$stdout"
}

@test "the caller's environment comes with the host's files, docker's with a root" {
	runs
	separately env MINE=yes "$callgate" run --state-dir="$dir/state" --rm -- env
	says MINE=yes
	[ "$(id -u)" = 0 ] || skip "needs root"
	busybox=$(command -v busybox) || skip "no busybox here"
	mkdir -p root/bin
	cp "$busybox" root/bin/
	ldd "$busybox" 2>/dev/null | grep -q '=>' && skip "busybox here is not static"
	separately env MINE=yes "$callgate" run --state-dir="$dir/state" --rm --rootfs=./root -e A=1 -- /bin/busybox env
	exits 0
	says A=1
	[[ $stdout != *MINE* ]]
	# copy-on-write, or not to be written to at all
	separately task --rootfs=./root -- /bin/busybox touch /new
	exits 0
	[ ! -e root/new ]
	separately task --rootfs=./root --read-only -- /bin/busybox touch /new
	exits 1
	[ ! -e root/new ]
	separately task --rootfs=./root:rw -- /bin/busybox touch /new
	exits 0
	[ -e root/new ]
}

@test "--read-only without a root: all of the host's mounts, also where one is the file of a mount namespace" {
	runs
	[ "$(id -u)" = 0 ] || skip "needs root"
	mkdir sub
	touch here namespace
	cat >script <<-'EOF'
		mount -t tmpfs none sub && touch sub/here || exit 77
		unshare --mount=namespace true || exit 77
		"$1" run --state-dir=state --rm --read-only -- sh -c '
			for f in /etc/callgate-test here sub/here sub/new; do
				(: >>"$0/$f") 2>/dev/null && echo "$f can be written to"
			done
			echo >/tmp/new && echo >/dev/null && echo >/dev/shm/new && echo good' "$PWD" || exit
		touch sub/new
	EOF
	separately unshare --mount --propagation=private sh script "$callgate"
	[ "$status" != 77 ] || skip "no such mounts here: $stderr"
	exits 0
	[ "$stdout" = good ] || { echo "$stdout"; return 1; }
	[ ! -e /etc/callgate-test ]
	separately task --read-only --explain -- true
	says "/ with all that is mounted in it"
}

@test "-it without a terminal goes on, and says so" {
	runs
	task -it -- echo there </dev/null >"$dir/out" 2>"$dir/err"
	grep -q there "$dir/out"
	grep -q 'warning: -t, but standard input is no terminal' "$dir/err"
}
