# shellcheck shell=bash
port=$(free_port)
made=''
cleanup_run() { [ -z "$made" ] || rmdir /run/sshd 2>/dev/null || true; }
pam=no
if [ "$(id -u)" = 0 ]; then
	[ -d /run/sshd ] || { mkdir -m 755 /run/sshd; made=1; }
	pam=yes
fi
# shellcheck disable=SC2154 # case.sh has $server
trap 'cleanup_run; [ -z "$server" ] || kill -TERM "$server" 2>/dev/null || true' EXIT
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f key
cp key.pub allowed
cat >config <<S
Port $port
ListenAddress 127.0.0.1
HostKey $CASE_DIR/host
PidFile $CASE_DIR/pid
AuthorizedKeysFile $CASE_DIR/allowed
StrictModes no
UsePAM $pam
PasswordAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
Subsystem sftp internal-sftp
S
start /usr/sbin/sshd -D -e -f "$CASE_DIR/config"
until_true 10 listens "$port"
options=(-F /dev/null -i key -o "Port=$port" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o "UserKnownHostsFile=$CASE_DIR/known" -o LogLevel=ERROR)
who=$(id -un)@127.0.0.1
# shellcheck disable=SC2016 # the other side expands it
[ "$(gated ssh "${options[@]}" "$who" 'id -u; echo $((6*7))' | tr '\n' ' ')" = "$(id -u) 42 " ] || {
	! grep -q 'account is locked' "$CASE_DIR/stderr" || cannot "the account of $(id -un) is locked"
	fail "no login"
}
gated ssh -tt "${options[@]}" "$who" 'tty; stty size' 2>/dev/null | grep -q /dev/pts/ || fail "no terminal"
seq 50000 >sent
printf 'put %s %s\n' "$CASE_DIR/sent" "$CASE_DIR/received" | gated sftp -q -b - "${options[@]}" "$who" >/dev/null || fail "no sftp"
cmp sent received || fail "sftp changed the file"
seq 3 | gated ssh "${options[@]}" "$who" "cat; exit 7" >echoed && fail "no exit status" || [ $? = 7 ] || fail "wrong exit status"
kill -TERM "$(cat pid)"
ended || [ $? = 143 ] || [ $? = 255 ] || fail "sshd ended with $?"
cleanup_run
made=
echo "$(ssh -V 2>&1 | sed 's/[ ,].*//'): login by key (PAM: $pam), terminal, sftp, exit status"
