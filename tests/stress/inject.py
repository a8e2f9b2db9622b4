#!/usr/bin/env python3
"""inject.py CALLGATE FAULT [--every N] [--errno NAME,...] [--kill] [--kind WORD] [--role NAME] [--jobs N] [--seconds N]

Every system call of a launch fails once, or is the last one of who makes it (--kill): of the launcher, of the keeper, and
of the child until it executes the program. Each launch must either succeed, with the task confined exactly as it is when
nothing fails, or say what failed; and nothing stays: no process, mount, control group, directory or name. --every N takes
every N-th call only, from a place that differs from kind to kind; --seconds shares that time among the kinds, and says where
it was not enough. In random order, each call with one error before any has a second one, so that what there is time for is a
fair part of all; CALLGATE_SEED repeats it. Prints TAP. Needs root."""
import argparse
import concurrent.futures
import errno
import glob
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import host

HERE = os.path.dirname(os.path.abspath(__file__))
ROLES = ["launcher", "keeper", "child"]
# Files for the task's comfort, in images that may have no place for them: their rows are optional.
OPTIONAL = tuple(f"mount /etc/{name} " for name in ("hosts", "hostname", "resolv.conf"))
KINDS = {
    "host": [],
    "plain": ["--isolation=linux/seccomp"],
    "root": ["--rootfs", "ROOT", "-v", "TMP/data:/data", "-u", "1000:1000", "--memory", "64m", "--pids-limit", "64",
             "--ulimit", "nofile=100", "--name", "inject"],
    "init": ["--rootfs", "ROOT", "--init", "--read-only", "--tmpfs", "/scratch"],
    "detached": ["-d", "--rootfs", "ROOT", "-v", "TMP/data:/data", "--name", "inject"],
    "users": ["--rootfs", "ROOT", "--userns=auto"],
    "exec": [],
}


def numbers():
    """Names of system calls, as the kernel's header has them."""
    found = {}
    for path in glob.glob("/usr/include/*/asm/unistd_64.h") + glob.glob("/usr/include/asm/unistd_64.h"):
        with open(path) as f:
            for line in f:
                word = line.split()
                if len(word) == 3 and word[1].startswith("__NR_"):
                    found[int(word[2])] = word[1][5:]
    return found


NAMES = numbers()


def named(nr):
    return NAMES.get(nr, str(nr))


def fingerprint(bench, text):
    """What the program printed of its confinement, without what differs from launch to launch; [] when some is missing."""
    if not text.endswith("end\n"):
        return []
    keep = []
    for line in text.replace(bench.tmp, "TMP").splitlines():
        line = re.sub(r"[0-9a-f]{64}", "ID", line)
        line = re.sub(r"\b[0-9a-f]{12}\b", "ID", line)
        if line.startswith("/proc/self/status"):
            name = line.split()[1]
            if re.match(r"(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|Seccomp_filters|Umask|Sig(Blk|Ign|Cgt)|THP_enabled):", name):
                keep.append(line)
        elif line.startswith("/proc/self/mountinfo"):
            word = line.split()
            keep.append(f"mount {word[5]} {word[6]} {word[word.index('-') + 1]}")
        elif line.startswith("ns "):
            keep.append(line.split(":")[0] + (" of the host" if line[3:] in bench.spaces else " its own"))
        elif line:
            keep.append(line)
    return sorted(keep)


class Bench:
    """One launch at a time, in directories of its own."""

    def __init__(self, options, kind):
        self.callgate, self.fault = options.callgate, options.fault
        self.kind, self.flags = kind, KINDS[kind]
        self.tmp = tempfile.mkdtemp(prefix="callgate-inject-", dir="/var/tmp")
        os.chmod(self.tmp, 0o755)
        self.state = os.path.join(self.tmp, "state")
        self.root = os.path.join(self.tmp, "rootfs")
        self.log = os.path.join(self.tmp, "log")
        self.out = os.path.join(self.tmp, "out")
        self.spaces = {os.readlink(f"/proc/self/ns/{n}") for n in ("mnt", "pid", "ipc", "uts", "net", "cgroup", "user")}
        for folder in ("bin", "proc", "dev", "sys", "tmp", "etc", "data", "scratch"):
            os.makedirs(os.path.join(self.root, folder))
        os.makedirs(os.path.join(self.tmp, "data"))
        subprocess.run(["cc", "-static", "-Os", "-o", os.path.join(self.root, "bin/prog"), os.path.join(HERE, "confined.c")], check=True)
        self.env = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": os.path.join(self.tmp, "cache"), "HOME": "/root"}
        self.target = None
        if kind == "exec":
            self.begin_target()

    def verb(self, *command):
        return subprocess.run([self.callgate, *command, "--state-dir", self.state], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False, env=self.env, timeout=60)

    def begin_target(self):
        run = subprocess.run([self.callgate, "run", "-d", "--state-dir", self.state, "-u", "1000:1000", "--memory", "64m", "--",
                              "sleep", "100000"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, check=False, env=self.env, timeout=60)
        if run.returncode != 0:
            raise RuntimeError(f"no task to exec in: {run.stderr}")
        self.target = run.stdout.strip()

    def command(self):
        flags = [f.replace("ROOT", self.root).replace("TMP", self.tmp) for f in self.flags]
        if self.kind == "exec":
            return [self.callgate, "exec", "--state-dir", self.state, self.target, os.path.join(self.root, "bin/prog")]
        program = "/bin/prog" if "--rootfs" in self.flags else os.path.join(self.root, "bin/prog")
        return [self.callgate, "run", "--rm", "--state-dir", self.state, *flags, "--", program]

    def launch(self, role, number, what):
        """(exit code or None, errors said, what it printed, the log's facts)"""
        with open(self.out, "wb") as out, open(self.out + ".err", "wb") as err:
            run = subprocess.Popen([self.fault, self.log, str(role), str(number), str(what), *self.command()],
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self.env)
            try:
                run.wait(60)
            except subprocess.TimeoutExpired:
                run.kill()  # and with it, by the kernel, all that it traces
                run.wait()
        facts = {"call": [], "hit": [], "id": [], "exit": [], "left": []}
        with open(self.log) as f:
            for line in f:
                word, _, rest = line.strip().partition(" ")
                facts[word].append(rest)
        with open(self.out + ".err", errors="replace") as f:
            said = f.read().strip()
        with open(self.out, errors="replace") as f:
            printed = f.read()
        return int(facts["exit"][0]) if facts["exit"] else None, said, printed, facts

    def left(self, ids):
        found = []
        entries = os.path.join(self.state, "containers")
        entries = set(os.listdir(entries)) if os.path.isdir(entries) else set()
        names = os.path.join(self.state, "names")
        found += [f"entry {e}" for e in sorted(entries - {self.target})]
        found += [f"name {n}" for n in (os.listdir(names) if os.path.isdir(names) else [])]
        found += [f"mount {m}" for m in host.mounts(self.tmp) if self.target is None or self.target not in m]
        found += [f"cgroup {g}" for g in host.cgroups() for i in ids if i in g and i != self.target]
        return found

    def close(self):
        if self.target is not None:
            self.verb("rm", "-f", self.target)
        shutil.rmtree(self.tmp, ignore_errors=True)


def judge(bench, want, role, number, what, result):
    """(list of what is wrong, did the launch succeed, did something stay until the sweep)"""
    code, said, printed, facts = result
    wrong, late = [], []
    kill = what == "kill"
    if facts["left"]:
        wrong.append(f"processes that do not end: {facts['left']}")
    if code is None:
        wrong.append("no end")
    if code == 99:
        wrong.append("ran without its filter")
    lines = fingerprint(bench, printed)
    if lines and lines != want["lines"]:
        differ = [f"-{l}" for l in want["lines"] if l not in lines and not l.startswith(OPTIONAL)] + [f"+{l}" for l in lines if l not in want["lines"]]
        if differ and not kill and code == want["code"]:
            wrong.append(f"confined otherwise: {differ[:12]}")
        elif any(l.startswith("+") for l in differ):
            wrong.append(f"confined otherwise: {[l for l in differ if l[0] == '+'][:12]}")
    # A keeper that cannot read closes the pipe, which ends a program that writes.
    piped = role == ROLES.index("keeper") and code == 128 + signal.SIGPIPE
    good = code == want["code"]
    if (good or piped) and not kill and want["lines"] and not lines:
        late.append("output lost")
    if not kill and not good and code in (125, 126, 127) and not said:
        wrong.append("said nothing")
    if not kill and not good and not piped and code not in (125, 126, 127, 99, None) and not (code == 137 and said):
        wrong.append("ended in another way")
    left = bench.left(facts["id"])
    if left:
        late.append("until the sweep: " + ", ".join(left))
        swept = bench.verb("ps", "-aq")
        left = bench.left(facts["id"])
        if left:
            bench.verb("rm", "-f", "-a")
            still = bench.left(facts["id"])
            wrong.append(f"{'not even rm removes' if still else 'only rm removes'}: {', '.join(still or left)} ({swept.stderr.strip()})")
    return wrong, good, late


class Impossible(Exception):
    """This place cannot have such a launch."""


def asked(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def why_impossible(bench, said):
    """A reason that does not rest on callgate's word alone (a chroot has no user namespaces, an overlay takes no overlay), or None."""
    overlay = 'cd "$0" && mkdir l u w m && mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m'
    with tempfile.TemporaryDirectory(dir=bench.tmp) as folder:
        if "copy-on-write layer over this file system" in said and not asked("unshare", "-m", "sh", "-c", overlay, folder):
            return "no overlay can be put over the file system of /var/tmp"
    if "cannot make a user namespace" in said and not asked("unshare", "--user", "true"):
        return "no user namespaces here"
    return None


def baseline(bench):
    """The calls of each role, the exit code and the confinement when nothing fails. The first one makes what stays."""
    for _ in range(2):
        code, said, printed, facts = bench.launch(0, 0, 0)
    if code not in (42, 0) or facts["left"]:
        reason = why_impossible(bench, str(said))
        if reason is not None:
            raise Impossible(reason)
        raise RuntimeError(f"the launch itself: exit {code}: {said}; {facts['left']}")
    calls = {r: [] for r in range(3)}
    for call in facts["call"]:
        role, _, nr = map(int, call.split())
        if role < 3:
            calls[role].append(nr)
    return {"code": code, "lines": fingerprint(bench, printed), "calls": calls}


class Sweep:
    def __init__(self, options):
        self.options, self.lock = options, threading.Lock()
        self.tried = self.hit = self.refused = self.bad = self.late = self.all = 0
        self.cut = False
        self.end = time.monotonic() + options.seconds / len(options.kind or KINDS) if options.seconds else None

    def one(self, bench, want, role, number, what):
        if self.end is not None and time.monotonic() > self.end:
            self.cut = True
            return
        result = bench.launch(role, number, what if what == "kill" else getattr(errno, what))
        wrong, good, late = judge(bench, want, role, number, what, result)
        hits = result[3]["hit"]
        with self.lock:
            self.tried += 1
            self.hit += bool(hits)
            self.refused += not good
            self.late += bool(late)
            self.bad += bool(wrong)
            where = f"{bench.kind}: {ROLES[role]}'s call {number} ({named(int(hits[0])) if hits else '?'}), {what}: exit {result[0]}"
            if wrong:
                print(f"# WRONG {where}: {'; '.join(wrong)}; said: {result[1][:400]}", flush=True)
            elif late and self.options.verbose:
                print(f"# {where}: {'; '.join(late)[:200]}; said: {result[1][:200]}", flush=True)

    def kind(self, kind, offset):
        options = self.options
        jobs = [Bench(options, kind) for _ in range(options.jobs)]
        try:
            want = baseline(jobs[0])
            for other in jobs[1:]:
                baseline(other)
            chance = random.Random(f"{options.seed} {kind}")
            turns = [[] for _ in options.errno]
            for role in range(3):
                for number in range(1, len(want["calls"][role]) + 1 + bool(options.kill)):
                    if (number + role + offset) % options.every == 0 and options.role in (None, ROLES[role]):
                        for turn, what in zip(turns, chance.sample(options.errno, len(options.errno))):
                            turn.append((role, number, what))
            for turn in turns:
                chance.shuffle(turn)
            todo = [each for turn in reversed(turns) for each in turn]
            self.all = len(todo)

            def work(bench):
                while True:
                    with self.lock:
                        if not todo:
                            return
                        role, number, what = todo.pop()
                    self.one(bench, want, role, number, what)

            with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
                for done in [pool.submit(work, bench) for bench in jobs]:
                    done.result()
            return {ROLES[r]: len(c) for r, c in want["calls"].items()}
        finally:
            for bench in jobs:
                bench.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("callgate", type=os.path.abspath)
    parser.add_argument("fault", type=os.path.abspath)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--errno", type=lambda text: text.split(","), default=["EPERM"])
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--kind", action="append", choices=sorted(KINDS))
    parser.add_argument("--role", choices=ROLES)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    options.seed = os.environ.get("CALLGATE_SEED") or str(random.randrange(1 << 32))
    if options.kill:
        options.errno = ["kill"]
    if os.geteuid() != 0 or not shutil.which("cc"):
        print("1..0 # SKIP needs root and a C compiler")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what a bench made is taken away
    kinds = options.kind or list(KINDS)
    print(f"1..{len(kinds)}")
    print(f"# CALLGATE_SEED={options.seed}", flush=True)
    failed = 0
    for i, kind in enumerate(kinds):
        sweep = Sweep(options)
        try:
            calls = sweep.kind(kind, i)
        except Impossible as reason:
            print(f"ok {i + 1} - {kind} # SKIP {reason}", flush=True)
            continue
        except RuntimeError as error:
            failed += 1
            print(f"not ok {i + 1} - {kind}: {error}")
            continue
        good = sweep.bad == 0 and (sweep.hit > 0 or sweep.cut)
        failed += not good
        print(f"{'ok' if good else 'not ok'} {i + 1} - {kind}: {calls}: {sweep.tried} of {sweep.all} launches, {sweep.hit} with a failure, "
              f"{sweep.refused} did not succeed, {sweep.late} left something to the next sweep, {sweep.bad} wrong"
              f"{' (out of time)' if sweep.cut else ''}", flush=True)
    return 1 if failed else 0


sys.exit(main())
