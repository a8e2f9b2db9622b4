#!/usr/bin/env python3
"""soak.py CALLGATE [N] [--alone]: N launches of several kinds end with what there was before: mounts, cgroups, descriptors (of
this process, which starts them), files and processes. 200 by default; the verb `./dev soak` runs 10,000. With --alone the
mounts and cgroups of the whole host are counted, else those of these launches. Prints TAP."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import host

callgate = os.path.abspath(sys.argv[1])
alone = "--alone" in sys.argv
n = next((int(word) for word in sys.argv[2:] if word.isdigit()), 200)
KINDS = [
    ([], "true", 0),
    (["--rootfs", "ROOT"], "/bin/prog", 7),
    (["--rootfs", "ROOT", "-u", "1000:1000", "-v", "TMP/data:/data:ro"], "/bin/prog", 7),
    (["--rootfs", "ROOT", "--memory", "64m", "--pids-limit", "32"], "/bin/prog", 7),
    (["--rootfs", "ROOT", "--init"], "/bin/prog", 7),
    (["-d", "--rootfs", "ROOT"], "/bin/prog", 0),
    (["--rootfs", "ROOT"], "/bin/missing", 127),
    (["--isolation=linux/seccomp"], "true", 0),
]


def counts(tmp, ids):
    groups = host.cgroups() if alone else [g for g in host.cgroups() if g.rpartition("callgate-")[2].split("/")[0] in ids]
    return {"mounts": len(host.mounts("" if alone else tmp)), "cgroups": len(groups), "descriptors": len(os.listdir("/proc/self/fd")),
            "files": len(host.files(tmp)), "keepers": len(host.holders(tmp)), "processes": len(host.processes(tmp))}


def main():
    if os.geteuid() != 0 or not shutil.which("cc"):
        print("1..0 # SKIP needs root and a C compiler")
        return 0
    tmp = tempfile.mkdtemp(prefix="callgate-soak-")
    failed, ids = [], set()
    try:
        root = os.path.join(tmp, "rootfs")
        for folder in ("bin", "proc", "dev", "sys", "tmp", "etc", "data"):
            os.makedirs(os.path.join(root, folder))
        os.makedirs(os.path.join(tmp, "data"))
        os.environ["XDG_CACHE_HOME"] = os.path.join(tmp, "cache")
        state = os.path.join(tmp, "state")
        subprocess.run(["cc", "-static", "-Os", "-x", "c", "-o", os.path.join(root, "bin/prog"), "-"], check=True,
                       input=b"int main(void) { return 7; }")

        def launch(i):
            flags, program, want = KINDS[i % len(KINDS)]
            flags = [f.replace("ROOT", root).replace("TMP", tmp) for f in flags]
            cid = os.path.join(tmp, f"cid-{i}")
            return subprocess.Popen([callgate, "run", "--rm", "--state-dir", state, "--cidfile", cid, *flags, "--", program],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE), want, flags, cid

        def finish(started):
            process, want, flags, cid = started
            text = process.communicate()[1].decode(errors="replace").strip()
            if process.returncode != want:
                failed.append(f"{flags}: exit {process.returncode} and not {want}: {text}")

            if os.path.exists(cid):  # where the program did not start there is none
                with open(cid) as f:
                    ids.add(f.read().strip())
                os.unlink(cid)

        for i in range(len(KINDS)):  # what is made once stays: the cache, the state directory
            finish(launch(i))
        host.until(lambda: not host.holders(tmp), 20)
        before = counts(tmp, ids)
        start = time.monotonic()
        running = []
        for i in range(n):
            running.append(launch(i))
            if len(running) >= 4:
                finish(running.pop(0))
        for started in running:
            finish(started)
        took = time.monotonic() - start
        host.until(lambda: counts(tmp, ids) == before, 20)
        after = counts(tmp, ids)
        for text in failed[:10]:
            print(f"# {text}")
        print(f"{'ok' if not failed else 'not ok'} 1 - {n} launches in {took:.1f} s ended as they should ({len(failed)} did not)")
        print(f"{'ok' if after == before else 'not ok'} 2 - nothing is left: before {before}, after {after}")
        print("1..2")
        return 1 if failed or after != before else 0
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


sys.exit(main())
