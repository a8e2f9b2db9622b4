# Goal: an agent is asked over TLS, by clients whose certificates it knows, and by nobody else.
load helper
load agent

authority()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>log ||
		cat log
}

# certificate NAME AUTHORITY
certificate()
{
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>log || cat log
	openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 2 -out "$1.pem" \
		-extfile <(printf 'subjectAltName=IP:127.0.0.1\n') 2>log || cat log
}

start()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	command -v openssl >/dev/null || skip "needs openssl"
	authority ours
	authority theirs
	for name in agent alice bob; do
		certificate $name ours
	done
	certificate mallory theirs
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	agent_start --listen "https://127.0.0.1:$port" --tls-certificate "$dir/agent.pem" --tls-key "$dir/agent.key" \
		--tls-clients "$dir/ours.pem" --acl '[{"subject": "alice", "rights": "all"}]'
	export CALLGATE_HOST=https://127.0.0.1:$port CALLGATE_TLS_CA=$dir/ours.pem
}

as()
{
	local name=$1
	shift
	separately "$callgate" "$@" --tls-cert "$dir/$name.pem" --tls-key "$dir/$name.key"
}

@test "a client with rights reads and changes" {
	start
	printf '{"id": "/web", "cmd": "sleep 100", "cpus": 0.01, "mem": 32}' >web.json
	as alice apply -f web.json --wait
	[ "$status $stdout" = "0 app /web created" ]
	as alice ps -q
	exits 0
	[ "$(wc -l <<<"$stdout")" = 1 ]
	as alice events --since 1h --until 0s --filter app=/web
	exits 0
	says TASK_RUNNING
	as alice delete /web --wait
	exits 0
}

@test "nobody else is answered" {
	start
	as bob apps
	exits 1
	complains "you may not ask this agent anything"
	as mallory apps
	exits 1
	complains "no agent answers at $CALLGATE_HOST"
	separately "$callgate" apps
	exits 1
	complains "no agent answers at $CALLGATE_HOST"
	[ -z "$stdout" ]
}

@test "an agent that somebody else has signed is not asked" {
	start
	export CALLGATE_TLS_CA=$dir/theirs.pem
	as alice apps
	exits 1
	complains "no agent answers at $CALLGATE_HOST"
	complains "certificate"
}
