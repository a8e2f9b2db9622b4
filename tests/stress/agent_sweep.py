#!/usr/bin/env python3
"""agent_sweep.py CALLGATE FAULT [--seconds N] [--places N] [--step NAME] [--who NAME]: the agent dies after every system call.

In turn for each call that one of its processes makes while an app is started and deleted, or a container is launched, ended and
removed, and while a front or a launcher that was killed starts anew: that call is the process's last one (SIGKILL). The request
is repeated until it has been answered, as a client would. Then what was asked for is there, once, under the filter that was
asked for; what was ended is gone with its directories, mounts and control groups; two tasks that have nothing to do with it are
as they were; events have ids without a gap, in order. --seconds takes a random part (CALLGATE_SEED repeats it). Prints TAP."""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import host
from agent import RUNNING, Agent, Listener, Tap, clean_up, marked, unconfined

# Who is traced: a process of the agent, and in which generation below it the calls are counted.
WHO = {"launcher": ("gate-launcher", 0), "front": ("callgate-front", 0), "mother": ("mother", 0), "worker": ("mother", 1),
       "new": ("mother", 1)}
# What is done, by which processes, with about so many calls: a whole run counts them, a part of one believes this.
STEPS = {"start": {"launcher": 46, "front": 130, "mother": 12, "worker": 259}, "delete": {"launcher": 17, "front": 122, "mother": 1},
         "launch": {"launcher": 46, "front": 116, "mother": 12, "worker": 486}, "kill": {"launcher": 22, "front": 56, "mother": 1},
         "remove": {"launcher": 12, "front": 32, "mother": 11, "worker": 110}, "new front": {"new": 689}, "new launcher": {"new": 955}}
CHAINS = [["start", "delete"], ["launch", "kill", "remove"], ["new front"], ["new launcher"]]
STEADY_S = 1.05   # a child that lived that long is started again at once
PATIENCE_S = 60.0


class Place:
    """One agent, two tasks that must not notice anything, and steps that follow one another."""

    def __init__(self, options, number):
        self.options, self.number = options, number
        self.tmp = tempfile.mkdtemp(prefix="callgate-sweep-")
        os.chmod(self.tmp, 0o755)
        self.mark = str(8000000 + (options.seed + os.getpid() * 31 + number * 7919) % 1900000)
        open(os.path.join(self.tmp, "agent.yaml"), "w").close()
        self.agent = Agent(options.callgate, self.tmp)
        self.n = 0
        self.digests = {}
        self.ids = set()
        self.want = {}  # number of the marker: process that must not change, or None
        self.restarted = 0.0
        self.listener = self.front = None

    def begin(self):
        self.agent.start()
        self.answers()
        with open(os.path.join(self.tmp, "profiles/other.json"), "w") as f:
            f.write('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["ptrace", "kexec_load"], "action": "SCMP_ACT_ERRNO"}]}')
        self.listener = Listener(self.agent)
        for number in (90001, 90002):
            self.ask("POST", "/v2/apps", self.app(number), (201,))
            if not host.until(lambda n=number: len(marked(self.mark).get(n, [])) == 1, PATIENCE_S):
                raise RuntimeError("the first tasks do not run")
        self.want = {n: marked(self.mark)[n][0] for n in (90001, 90002)}
        self.restarted = time.monotonic()

    def answers(self):
        if not host.until(lambda: self.agent.tasks() is not None, PATIENCE_S):
            raise RuntimeError("the agent does not answer")

    def app(self, number):
        return {"id": f"/a{number}", "cmd": f"exec sleep {self.mark}.{number:05d}", "cpus": 0.01, "mem": 32, "instances": 1, "taskKillGracePeriodSeconds": 1,
                "backoffSeconds": 1, "backoffFactor": 1.0, "container": {"type": "MESOS", "linuxInfo": {"seccomp": {"profileName": "other.json"}}}}

    def ask(self, method, path, body, good):
        """Until it is answered with one of `good`, as a client would who does not know what became of it."""
        def tried():
            status, answer = self.agent.ask(method, path, body)
            if status not in (0, 503) + good:
                raise AssertionError(f"{method} {path}: {status} {answer}")
            last[0] = status
            return status in good
        last = [None]
        if not host.until(tried, PATIENCE_S):
            raise AssertionError(f"{method} {path} {body}: {last[0]} to the end")

    # --- the steps: what is asked for, and when it is done as seen from outside ---
    def request(self, step):
        """(method, path, body, statuses, statuses of a repeated one)"""
        name = {"value": f"c{self.n}"}
        return {
            "start": ("POST", "/v2/apps", self.app(self.n), (201,), (201, 409)),
            "delete": ("DELETE", f"/v2/apps/a{self.n}", None, (200,), (200, 404, 409)),
            "launch": ("POST", "/api/v1", {"type": "LAUNCH_CONTAINER", "launch_container": {
                "container_id": name, "command": {"value": f"exec sleep {self.mark}.{self.n:05d}"}}}, (200, 202), (200, 202, 400)),
            "kill": ("POST", "/api/v1", {"type": "KILL_CONTAINER", "kill_container": {"container_id": name, "signal": 9}}, (200,), (200, 404)),
            "remove": ("POST", "/api/v1", {"type": "REMOVE_CONTAINER", "remove_container": {"container_id": name}}, (200,), (200, 404)),
        }[step]

    def done(self, step):
        alive = len(marked(self.mark).get(self.n, []))
        if step == "remove":
            return not os.path.lexists(f"{self.tmp}/state/tasks/names/c{self.n}")
        return alive == (1 if step in ("start", "launch") else 0)

    def act(self, step):
        """What a client does, in a thread of its own: its connection may die."""
        if step.startswith("new "):
            self.front = self.agent.child("callgate-front")
            self.agent.kill("callgate-front" if step == "new front" else "gate-launcher")
            return None
        method, path, body, good, _ = self.request(step)
        asked = threading.Thread(target=self.agent.ask, args=(method, path, body), daemon=True)
        asked.start()
        return asked

    def until_done(self, step, tracer):
        """The step is over, or who was traced is dead."""
        def over():
            if tracer.poll() is not None:
                return True
            if step.startswith("new "):
                return self.agent.child("callgate-front") not in (None, self.front) and self.agent.tasks() is not None
            return self.done(step)
        host.until(over, 20)
        if tracer.poll() is None:
            time.sleep(0.2)  # the rest of it: answers, ends that are written down

    def traced(self, step, who, number):
        """The step with its fault: the log's facts."""
        log = os.path.join(self.tmp, "fault")
        process, role = WHO[who]
        time.sleep(max(0.0, self.restarted + STEADY_S - time.monotonic()))
        pid = self.agent.mother.pid if process == "mother" else self.agent.child(process)
        if pid is None:
            raise AssertionError(f"there is no {process}")
        tracer = subprocess.Popen([self.options.fault, log, str(role), str(number), "after", "-p", str(pid)],
                                  stdin=subprocess.DEVNULL, stderr=self.agent.log)
        try:
            host.until(lambda: tracer.poll() is not None or (os.path.exists(log) and os.path.getsize(log) > 0), 20)
            asked = self.act(step)
            self.until_done(step, tracer)
        finally:
            tracer.terminate()
            tracer.wait()
        with open(log) as f:
            facts = [line.split() for line in f]
        os.unlink(log)
        if (process, role) == ("mother", 0) and any(f[0] == "hit" for f in facts):
            self.agent.mother.wait(20)
            self.agent.start()
        if asked is not None:
            asked.join(20)
        return facts

    def take(self, step, who, number):
        """One step; what is wrong afterwards, and the log's facts. Number None: nothing fails."""
        if step in ("start", "launch"):
            self.n += 1
        facts = self.traced(step, who, number) if number is not None else []
        hit = any(f[0] == "hit" for f in facts)
        self.ids |= {f[1] for f in facts if f[0] == "id"}
        if not step.startswith("new "):
            method, path, body, good, again = self.request(step)
            self.ask(method, path, body, again if number is not None else good)
        self.answers()
        if step in ("start", "launch"):
            self.want[self.n] = None
        elif step == "kill" or step == "delete":
            self.want.pop(self.n, None)
        wrong = ["not looked at"]

        def right():
            wrong[:] = self.wrong(step)
            return not wrong
        host.until(right, PATIENCE_S)
        if self.options.verbose:
            print(f"# {time.monotonic():.2f} {step} {who} {number} {hit} {wrong}", flush=True)
        if hit or number is None:
            self.restarted = time.monotonic()
        return wrong, facts

    def wrong(self, step):
        """What is not as it must be, in the end."""
        tasks = self.agent.tasks()
        if tasks is None:
            return ["no answer"]
        alive = marked(self.mark)
        found = []
        running = {t["containerId"]: t for t in tasks.values() if t["state"] in RUNNING}
        found += [f"{t['id']} is {t['state']}" for t in tasks.values()
                  if t["state"] in ("TASK_STAGING", "TASK_STARTING", "TASK_KILLING", "TASK_UNKNOWN", "TASK_LOST")]
        # A container whose launch was cut short is refused: it failed, and stays so.
        refused = step == "launch" and f"c{self.n}" not in running and tasks.get(f"c{self.n}", {}).get("state") == "TASK_FAILED"
        if refused:
            self.want.pop(self.n, None)
        for n, pid in self.want.items():
            if len(alive.get(n, [])) != 1 or (pid is not None and alive[n] != [pid]):
                found.append(f"task {n} runs as {alive.get(n, [])}, not as {pid or 'one process'}")
        found += [f"task {n} still runs as {pids}" for n, pids in alive.items() if n not in self.want]
        pids = {p for group in alive.values() for p in group}
        found += [f"{name} is said to run as {t['pid']}" for name, t in running.items() if t["pid"] not in pids]
        found += [f"{p} has no filter" for p in unconfined(pids)]
        found += [f"{name} has another filter" for name, t in running.items() if self.digest(t["pid"]) != t["profile"]["meaningDigest"]]
        keepers = host.holders(self.tmp + "/")
        if len(keepers) != len(running):
            found.append(f"{len(keepers)} keepers for {len(running)} tasks")
        containers, names = (sorted(os.listdir(f"{self.tmp}/state/tasks/{d}")) for d in ("containers", "names"))
        self.ids |= {c.lstrip(".") for c in containers}
        known = sorted(t["containerId"] for t in tasks.values())
        found += [f"directory {c}" for c in containers if c.startswith(".")]
        if not refused and (set(names) - set(known) or len(containers) != len(names)):
            found.append(f"{len(containers)} directories and the names {sorted(set(names) - set(known))} beside {len(known)} tasks")
        found += [f"mount {m}" for m in host.mounts(self.tmp)]
        found += self.listener.wrong[:3]
        return found

    def digest(self, pid):
        """Of the filter that the kernel has, asked once for each process."""
        if pid not in self.digests:
            asked = host.quiet(self.options.callgate, "digest", f"pid:{pid}")
            self.digests[pid] = asked.stdout.split()[0] if asked.returncode == 0 and asked.stdout else asked.stderr
        return self.digests[pid]

    def end(self):
        if self.listener is not None:
            self.listener.stop = True
        clean_up(self.agent)
        if not (self.options.keep and self.options.failed):
            shutil.rmtree(self.tmp, ignore_errors=True)


class Sweep:
    """Which calls are still to be tried, among all places."""

    def __init__(self, options):
        self.options, self.lock = options, threading.Lock()
        self.todo = {}   # (step, who): numbers of calls, the next one last
        self.count = {}  # (step, who): [tried, hit, calls]
        self.wrong = {}
        self.ids = set()  # of all tasks that there were
        self.end = time.monotonic() + options.seconds if options.seconds else None

        self.kinds = [(s, w) for s in STEPS for w in STEPS[s] if options.step in (None, s) and options.who in (None, w)]

    def add(self, kind, calls):
        numbers = list(range(calls + calls // 10 + 2, 0, -1))  # some more: no two launches are the same
        if self.end is not None:
            random.Random(self.options.seed).shuffle(numbers)
        self.todo[kind], self.count[kind], self.wrong[kind] = numbers, [0, 0, calls], []

    def measure(self, place):
        """How many calls there are of each kind, with nothing failing."""
        for chain in CHAINS:
            while any(s == k[0] and k not in self.todo for s in chain for k in self.kinds):
                for step in chain:
                    who = next((w for s, w in self.kinds if s == step and (s, w) not in self.todo), None)
                    if who is None and step.startswith("new "):
                        continue
                    wrong, facts = place.take(step, who, 0 if who else None)
                    if wrong:
                        raise RuntimeError(f"{step} itself, with nothing failing: {wrong}")
                    if who is not None:
                        self.add((step, who), sum(1 for f in facts if f[0] == "call" and int(f[1]) == WHO[who][1]))

    def is_late(self):
        return self.end is not None and time.monotonic() > self.end

    def chain(self):
        """One of them, by how much is left."""
        with self.lock:
            left = [max(sum(len(n) for (s, _), n in self.todo.items() if s == step) for step in chain) for chain in CHAINS]
            return random.choices(CHAINS, left)[0] if any(left) else []

    def next(self, step):
        """(who, number) for this step, of the kind of which most is left; None when nothing is."""
        with self.lock:
            kinds = [k for k in self.todo if k[0] == step and self.todo[k]]
            if not kinds or self.is_late():
                return None
            kind = max(kinds, key=lambda k: len(self.todo[k]) / (self.count[k][2] + 1))
            return kind[1], self.todo[kind].pop()

    def over(self):
        with self.lock:
            return not any(self.todo.values()) or self.is_late()

    def one(self, place, step):
        chosen = self.next(step)
        if chosen is None:
            if not step.startswith("new "):
                wrong, _ = place.take(step, None, None)
                if wrong:
                    raise RuntimeError(f"{step}, with nothing failing: {wrong}")
            return
        who, number = chosen
        try:
            wrong, facts = place.take(step, who, number)
        except AssertionError as error:
            wrong, facts = [str(error)], []
        hits = [f[1] for f in facts if f[0] == "hit"]
        with self.lock:
            self.count[step, who][0] += 1
            self.count[step, who][1] += bool(hits)
            if wrong:
                where = f"{step}: after the {who}'s call {number} ({hits[0] if hits else 'not made'}): {'; '.join(wrong)[:1500]}"
                self.wrong[step, who].append(where)
                print(f"# WRONG in {place.tmp} {where}", flush=True)
        if wrong:
            raise RuntimeError(where)

    def work(self, number):
        """A place goes on until something is wrong there: then another takes over."""
        while not self.over():
            place = Place(self.options, number)
            try:
                place.begin()
                while not self.over():
                    for step in self.chain():
                        self.one(place, step)
                        if step == "launch" and place.n not in place.want:  # it was refused: the next steps need one
                            place.take(step, None, None)
                if place.listener.ids() != place.agent.events():
                    self.wrong[next(iter(self.wrong))].append("a listener has heard other events than there are")
            except RuntimeError as error:
                self.options.failed = True
                if not any(str(error) in w for w in self.wrong.values()):
                    self.wrong[next(iter(self.wrong))].append(str(error))
                    print(f"# WRONG in {place.tmp}: {error}", flush=True)
                if sum(len(w) for w in self.wrong.values()) > 20:
                    return
            finally:
                place.end()
                with self.lock:
                    self.ids |= place.ids
            number += self.options.places


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("callgate", type=os.path.abspath)
    parser.add_argument("fault", type=os.path.abspath)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--places", type=int, default=4)
    parser.add_argument("--step", choices=list(STEPS))
    parser.add_argument("--who", choices=sorted(WHO))
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the files of a failed run")
    options = parser.parse_args()
    options.seed = int(os.environ.get("CALLGATE_SEED", "0"), 0) or random.randrange(1, 2**31)
    options.failed = False
    if os.geteuid() != 0:
        print("1..0 # SKIP an agent needs root")
        return 0
    print(f"# CALLGATE_SEED={options.seed}", flush=True)
    sweep, tap = Sweep(options), Tap()
    signal.signal(signal.SIGTERM, lambda *_: setattr(sweep, "end", 0.0))  # each place takes away what it has made
    if options.seconds:
        for step, who in sweep.kinds:
            sweep.add((step, who), STEPS[step][who])
    else:
        first = Place(options, 0)
        try:
            first.begin()
            sweep.measure(first)
        except (RuntimeError, AssertionError):
            options.failed = True
            raise
        finally:
            first.end()
    threads = [threading.Thread(target=sweep.work, args=(i + 1,)) for i in range(options.places)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (step, who), (tried, hit, calls) in sweep.count.items():
        name = f"{step}: {who}: {calls} calls, {tried} kills tried, {hit} hit"
        tap.check(name, sweep.wrong[step, who])

    def left():
        return [g for g in host.cgroups() if any(i in g for i in sweep.ids)]
    tap.check("no control group is left", [] if host.until(lambda: not left(), 10) else left())
    print(f"1..{tap.n}")
    return 1 if tap.failed else 0


sys.exit(main())
