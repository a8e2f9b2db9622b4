# Goal: a program that was written against Marathon works: a client library of the npm registry drives the real agent.
load helper
load agent

nobody=65534

as_nobody()
{
	# shellcheck disable=SC2154 # dir: helper.bash
	HOME=$dir/client setpriv --reuid=$nobody --regid=$nobody --clear-groups --no-new-privs "$@"
}

# The pinned packages with the digests of package-lock.json, in a directory of the test; none of their scripts is run.
install_client()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	command -v node >/dev/null || skip "needs node"
	command -v npm >/dev/null || skip "needs npm"
	chmod 711 "$dir"
	install -d -o $nobody -g $nobody "$dir/client"
	install -m 644 "$root"/tests/e2e/client/* "$dir/client"
	cd "$dir/client" || return 1
	status=0
	as_nobody timeout 180 npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-retry-mintimeout=1000 \
		--fetch-retry-maxtimeout=5000 >"$dir/npm.log" 2>&1 || status=$?
	[ "$status" != 0 ] || return 0
	# What the network or the registry does is not ours; anything else is.
	grep -qE 'code (E[0-9]|ECONN|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ERR_SOCKET|UNABLE_TO|SELF_SIGNED|CERT)' "$dir/npm.log" ||
		[ "$status" = 124 ] || { cat "$dir/npm.log"; return 1; }
	skip "the npm registry does not answer: $(grep -m 1 -E 'npm (error|ERR!)' "$dir/npm.log" || echo 'not within 180 s')"
}

@test "marathon-node makes, scales, restarts, changes, kills and deletes an app, and hears its events" {
	install_client
	agent_start --socket-group=$nobody --acl='[{"uid": 65534, "rights": ["read", "launch", "kill", "host"]}]'
	as_nobody timeout 240 node drive.js "$dir/run/agent.sock" 2>&1 || { cat "$dir/agent.log"; return 1; }
}
