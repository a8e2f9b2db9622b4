# shellcheck shell=bash
cat >script <<'S'
set -euo pipefail
mkdir -p a/b c; seq 20000 >a/numbers; shuf a/numbers | sort -n --parallel=2 -S 1M | cmp - a/numbers
cp -a --reflink=auto a/numbers a/copy; cp --sparse=always a/copy c/; cp -r --preserve=all a c/
ln a/copy a/hard; ln -s copy a/soft; [ "$(readlink a/soft)" = copy ]; realpath a/soft >/dev/null
mv a/hard c/; mv -T c d; rm d/hard; install -m 750 a/copy d/installed; [ "$(stat -c %a d/installed)" = 750 ]
truncate -s 1M sparse; dd if=/dev/zero of=block bs=64k count=4 conv=fsync status=none; sync block; sync -f .
split -n 4 a/numbers part.; cat part.* | sha256sum >sum; sha256sum <a/numbers | diff - sum
md5sum a/copy >md5; md5sum -c --quiet md5; b2sum a/copy; cksum a/copy
touch -d '2001-02-03 04:05:06' a/copy; [ "$(date -r a/copy +%Y)" = 2001 ]; touch -h a/soft
chmod u+x,g-w a/copy; chmod -R a+rX a; chown "$(id -u):$(id -g)" a/copy; chgrp "$(id -g)" a/copy
mkfifo fifo; tee copy1 copy2 <a/numbers >fifo & cat fifo | wc -l >/dev/null; wait; cmp copy1 copy2
ls -laR --time-style=full-iso . >/dev/null; ls -Z . >/dev/null; du -sh .; df -h . >/dev/null
stat -f . >/dev/null; dir; vdir >/dev/null
head -c 100 a/numbers | od -x | sed -n 1p; base64 a/copy | base64 -d | cmp - a/copy
tac a/numbers | rev | cut -c1 | uniq -c | tail -n 3
paste <(seq 3) <(seq 3) | tr '\t' ' ' | join - <(seq 3) | expand | fold -w 10 | nl | pr -t | fmt
comm <(seq 3) <(seq 2 4); tsort <<<'a b'
timeout 5 sleep 0.01; timeout 0.05 sleep 5 || [ $? = 124 ]; nice -n 5 true; nohup true 2>/dev/null
stdbuf -oL true; env -i /bin/true
(for i in 1 2 3; do echo $i; sleep 0.02; done >>grow) & tail -f --pid=$! grow >/dev/null; wait
id; groups; whoami || true; uname -a; nproc; date -u; tty || true; pwd -P; printenv PATH; logname || true
who; uptime || true; hostid; arch; users
factor 1234567890; numfmt --to=iec 123456; expr 6 \* 7; seq -s, 5; echo x | csplit -s - 1
mktemp -d ./t.XXXX; pathchk a; shred -n 1 -u block
[ "$(id -u)" != 0 ] || { chroot / true; mknod node c 1 3; rm node; chown 1234:1234 sparse; }
rm -rf a d; rmdir -p t.*; unlink sum
S
gated bash script >tour || fail "the tour ended early: $(tail -n 1 tour)"
[ ! -e a ] || fail "rm left something behind"
count=$(grep -oE '\b[a-z0-9]+\b' script | sort -u | while read -r w; do [ ! -x "/usr/bin/$w" ] || echo "$w"; done | wc -l)
echo "$(stat --version | sed -n '1s/.* //p'): $count commands on files, text and processes"
