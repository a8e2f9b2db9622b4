#!/usr/bin/env python3
"""inject.py CALLGATE [--full] [--kill]: every system call of a launch fails, or is the last one of who makes it.

strace makes the N-th call of each name fail in launcher, keeper and child alike (with --kill: kills whoever makes it). Each
launch must either succeed or say which step failed, and leave nothing: no process, mount, cgroup, directory or descriptor
holder; and the program never runs without its filter. The short form fails each call once; --full several times with
several errnos. Prints TAP. Needs root and strace."""
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import host

callgate = os.path.abspath(sys.argv[1])
full, kill = "--full" in sys.argv, "--kill" in sys.argv
ERRNOS = ["ENOMEM", "EMFILE", "EINTR", "EAGAIN", "EPERM", "ENOSPC", "ENOSYS"] if full else ["EPERM"]
TIMES = 4 if full else 1
# Their failure is no failure of the launch, or strace cannot inject them.
SKIP = {"exit", "exit_group", "rt_sigreturn", "restart_syscall", "vfork", "execveat" if kill else "none"}
PROGRAM = r"""
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
int main(void) { return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 ? 42 : 99; }
"""


class Bench:
    def __init__(self, name, *flags):
        self.name, self.flags = name, flags
        self.tmp = tempfile.mkdtemp(prefix="callgate-inject-")
        self.state = os.path.join(self.tmp, "state")
        self.root = os.path.join(self.tmp, "rootfs")
        for folder in ("bin", "proc", "dev", "sys", "tmp", "etc", "data"):
            os.makedirs(os.path.join(self.root, folder))
        os.makedirs(os.path.join(self.tmp, "data"))
        subprocess.run(["cc", "-static", "-Os", "-x", "c", "-o", os.path.join(self.root, "bin/prog"), "-"], check=True,
                       input=PROGRAM.encode())

    def command(self):
        flags = [f.replace("ROOT", self.root).replace("TMP", self.tmp) for f in self.flags]
        program = "/bin/prog" if "--rootfs" in self.flags else os.path.join(self.root, "bin/prog")
        return [callgate, "run", "--rm", "--state-dir", self.state, *flags, "--", program]

    def calls(self):
        log = os.path.join(self.tmp, "trace")
        run = host.quiet("strace", "-f", "-qq", "-o", log, *self.command())
        if run.returncode != 42:
            raise RuntimeError(f"the launch itself: exit {run.returncode}: {run.stderr.strip()}")
        per = collections.defaultdict(collections.Counter)
        with open(log, errors="replace") as f:
            for line in f:
                match = re.match(r"(\d+) +([a-z_0-9]+)\(", line)
                if match:
                    per[match.group(1)][match.group(2)] += 1
        most = collections.Counter()
        for counter in per.values():
            for name, times in counter.items():
                most[name] = max(most[name], times)
        return {name: min(times, TIMES if full else TIMES) for name, times in most.items() if name not in SKIP}

    def left(self):
        found = []
        if not host.until(lambda: not host.holders(self.tmp) and not host.processes(self.root), 8):
            found.append(f"processes {host.holders(self.tmp)} {host.processes(self.root)}")
        host.quiet(callgate, "ps", "-aq", "--state-dir", self.state)  # sweeps after keepers that were killed
        host.quiet(callgate, "rm", "-f", "-a", "--state-dir", self.state)
        if host.mounts(self.tmp):
            found.append(f"mounts {host.mounts(self.tmp)}")
        groups = [g for g in host.cgroups() if not g.endswith("/callgate")]
        if groups and not os.environ.get("CALLGATE_SHARED_HOST"):
            found.append(f"cgroups {groups}")
        entries = os.path.join(self.state, "containers")
        if os.path.isdir(entries) and os.listdir(entries):
            found.append(f"entries {os.listdir(entries)}")
        return found

    def close(self):
        shutil.rmtree(self.tmp, ignore_errors=True)


BENCHES = [
    ("host file system", ()),
    ("root file system", ("--rootfs", "ROOT", "-v", "TMP/data:/data:ro", "-u", "1000:1000", "--memory", "64m", "--pids-limit", "64")),
]


def main():
    if os.geteuid() != 0 or not shutil.which("strace") or not shutil.which("cc"):
        print("1..0 # SKIP needs root, strace and a C compiler")
        return 0
    bad = number = 0
    for name, flags in BENCHES:
        bench = Bench(name, *flags)
        tried = refused = 0
        try:
            try:
                calls = bench.calls()
            except RuntimeError as error:
                number += 1
                bad += 1
                print(f"not ok {number} - {name}: {error}")
                continue
            for call, times in sorted(calls.items()):
                for when in range(1, times + 1):
                    for errno in ["KILL"] if kill else ERRNOS:
                        what = f"signal={errno}" if kill else f"error={errno}"
                        try:
                            run = host.quiet("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}:{what}:when={when}",
                                             *bench.command(), timeout=60)
                            code, said = run.returncode, run.stderr.strip()
                        except subprocess.TimeoutExpired:
                            code, said = None, "hangs"
                        tried += 1
                        refused += code != 42
                        wrong = bench.left()
                        if code is None:
                            wrong.append("hangs")
                        if code == 99:
                            wrong.append("ran without its filter")
                        if not kill and code in (125, 126, 127) and not said:
                            wrong.append("said nothing")
                        if wrong:
                            bad += 1
                            print(f"# {name}: {call} number {when}, {errno}: exit {code}: {'; '.join(wrong)}; {said[:300]}")
                            sys.stdout.flush()
            number += 1
            enough = tried > 40 and refused > 10
            print(f"{'ok' if bad == 0 and enough else 'not ok'} {number} - {name}: {tried} failures, {refused} launches did not succeed, {bad} wrong")
            bad += not enough
        finally:
            bench.close()
    print(f"1..{number}")
    return 1 if bad else 0


sys.exit(main())
