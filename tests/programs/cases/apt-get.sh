# shellcheck shell=bash
# An archive of our own on loopback, in directories of our own; with --strict also the sources of this host, if they
# can be reached without a filter.
mkdir -p archive lists/partial cache/archives/partial empty
[ "$(id -u)" != 0 ] || ! id _apt >/dev/null 2>&1 || chown _apt lists/partial cache/archives/partial
printf 'Package: nothing\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nFilename: ./nothing_1_all.deb\nSize: 1\nDescription: none\n' >archive/Packages
gzip -k archive/Packages
{
	printf 'Origin: here\nSuite: here\nDate: %s\nSHA256:\n' "$(date -Ru)"
	for f in Packages Packages.gz; do printf ' %s %s %s\n' "$(sha256sum <archive/$f | cut -d' ' -f1)" "$(stat -c %s archive/$f)" $f; done
} >archive/Release
port=$(free_port)
python3 -m http.server -b 127.0.0.1 -d archive "$port" >server 2>&1 &
web=$!
trap 'kill "$web" 2>/dev/null || true' EXIT
until_true 10 listens "$port"
options=(-o Dir::State="$CASE_DIR" -o Dir::State::lists="$CASE_DIR/lists" -o Dir::Cache="$CASE_DIR/cache"
	-o APT::Update::Error-Mode=any -o Acquire::http::Timeout=10 -o Acquire::Retries=0)
own=(-o Dir::Etc::sourcelist="$CASE_DIR/sources.list" -o Dir::Etc::sourceparts="$CASE_DIR/empty")
echo "deb [trusted=yes] http://127.0.0.1:$port/ ./" >sources.list
gated apt-get -q "${options[@]}" "${own[@]}" update >said || fail "apt-get update: $(tail -n 3 stderr)"
gated apt-cache "${options[@]}" "${own[@]}" policy nothing | grep -q '127.0.0.1' || fail "the package did not arrive"
host='sources of this host not asked'
if [ -n "${CALLGATE_PROGRAMS:-}" ]; then
	if gated apt-get -q "${options[@]}" update >said; then
		host="sources of this host: $(grep -c '^\(Get\|Hit\)' said) files"
	elif apt-get -q "${options[@]}" update >/dev/null 2>&1; then
		fail "apt-get update of this host's sources fails only under the profile: $(tail -n 3 stderr)"
	else
		host='sources of this host: not reachable, without the profile neither'
	fi
fi
echo "$(apt-get --version | sed -n '1s/^apt \([^ ]*\).*/\1/p'): update from an archive on loopback; $host"
