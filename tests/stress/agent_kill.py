#!/usr/bin/env python3
"""agent_kill.py CALLGATE [--kills N] [--seed S]: the agent's processes are killed at random moments (SIGKILL) while clients
launch, end and remove containers, start jobs and scale an app. Afterwards: what was acknowledged is there, once, under its filter;
nothing is left of what was ended; events have ids without a gap. Then another binary takes over. Prints TAP."""
import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import host
from agent import RUNNING, Agent, Tap, clean_up, groups_used, marked, unconfined


class Load:
    """What was asked, and what was answered."""

    def __init__(self, agent, rng, mark):
        self.agent, self.rng, self.mark = agent, rng, mark
        self.n = 0
        self.launched = {}  # id: True acknowledged, False nobody knows
        self.ended = {}     # id: the same
        self.runs = [0, 0]  # acknowledged, nobody knows
        self.job = self.app = False
        self.instances = set()
        self.answers = 0

    def command(self, i):
        return f"exec sleep {self.mark}.{i:05d}"

    def launch(self):
        self.n += 1
        cid = f"c{self.n}"
        status, _ = self.agent.call("launch_container", container_id={"value": cid}, command={"value": self.command(self.n)})
        if status not in (0, 200, 202, 400, 503, 507):
            raise AssertionError(f"launch: {status}")
        if status not in (400, 503, 507):  # 400: it was cut short
            self.launched[cid] = status != 0
        self.answers += status != 0

    def end(self):
        known = [c for c, acknowledged in self.launched.items() if acknowledged and c not in self.ended]
        if not known:
            return
        cid = self.rng.choice(known)
        status, _ = self.agent.call("kill_container", container_id={"value": cid}, signal=9)
        if status == 404:
            raise AssertionError(f"{cid} was acknowledged and is not known")
        if status != 503:
            self.ended[cid] = status == 200
        self.answers += status != 0

    def run_job(self):
        if not self.job:
            status, _ = self.agent.ask("POST", "/v1/jobs", {"id": "short", "run": {"cmd": "sleep 0.1", "cpus": 0.01, "mem": 32, "disk": 0}})
            if status not in (0, 201, 409, 503, 507):
                raise AssertionError(f"job: {status}")
            self.job = status in (201, 409)
            return
        status, _ = self.agent.ask("POST", "/v1/jobs/short/runs")
        self.runs[0] += status == 201
        self.runs[1] += status == 0
        self.answers += status != 0

    def scale(self):
        n = self.rng.randint(1, 4)
        app = {"id": "/web", "cmd": f"exec sleep {self.mark}.99999", "cpus": 0.01, "mem": 32, "instances": n,
               "backoffSeconds": 1, "maxLaunchDelaySeconds": 2}
        status, _ = self.agent.ask("PUT", "/v2/apps/web?force=true", app)
        if status not in (0, 200, 201, 503, 507):
            raise AssertionError(f"app: {status}")
        if status in (200, 201):
            self.app, self.instances = True, {n}
        elif status == 0:
            self.instances.add(n)
        self.answers += status != 0

    def step(self):
        self.rng.choices([self.launch, self.end, self.run_job, self.scale], [6, 4, 3, 1])[0]()


def disturb(agent, load, rng, kills):
    """The load runs in this thread, the kills beside it."""
    count = {"mother": 0, "gate-launcher": 0, "callgate-front": 0}
    stop = threading.Event()

    def killer():
        while sum(count.values()) < kills:
            # Mostly one that is at work; now and then one that has only begun to recover.
            if rng.random() < 0.75:
                host.until(lambda: agent.ask("GET", "/api/v1/tasks", timeout=1.0)[0] == 200, 15)
            time.sleep(rng.choice([0.0, 0.1, 0.6, 2.0]) * rng.random())
            who = rng.choices(list(count), [2, 3, 3])[0]
            if agent.kill(who):
                count[who] += 1
        stop.set()

    thread = threading.Thread(target=killer, daemon=True)
    thread.start()
    while not stop.is_set():
        load.step()
        time.sleep(load.rng.random() * 0.02)
    thread.join()
    return count


def judge(tap, agent, load, mark, before):
    tasks = agent.tasks() or {}
    names = {t["containerId"]: t for t in tasks.values()}
    alive = marked(mark)
    ours = {n: pids for n, pids in alive.items() if n != 99999}
    number = {f"c{n}": n for n in range(1, load.n + 1)}
    kept = [c for c, acknowledged in load.launched.items() if acknowledged and c not in load.ended]
    tap.check("no acknowledged container is lost",
              [c for c in kept if names.get(c, {}).get("state") not in RUNNING or number[c] not in ours])
    tap.check("none is there twice", {n: p for n, p in ours.items() if len(p) > 1})
    tap.check("none that was ended still runs", [c for c, sure in load.ended.items() if sure and number[c] in ours])
    tap.check("none runs that the agent does not know",
              [n for n in ours if names.get(f"c{n}", {}).get("state") not in RUNNING])
    tap.check("what the agent knows to run is that process",
              [c for c in kept if c in names and names[c]["pid"] not in ours.get(number[c], [])])
    tap.check("every process is under a filter", unconfined([p for pids in alive.values() for p in pids]))
    running = [t for t in tasks.values() if t["state"] in RUNNING]
    keepers = host.holders(agent.tmp)
    tap.check("a keeper for each running task, and no other",
              [] if len(keepers) == len(running) else f"{len(keepers)} keepers, {len(running)} tasks")
    if load.app:
        host.until(lambda: len(marked(mark).get(99999, [])) in load.instances, 30)
        n = len(marked(mark).get(99999, []))
        tap.check("the app has its instances", [] if n in load.instances else f"{n} of {load.instances}")
    if load.job:
        status, job = agent.ask("GET", "/v1/jobs/short?embed=history&embed=activeRuns")
        done = job["history"]["successCount"] + job["history"]["failureCount"] + len(job["activeRuns"]) if status == 200 else -1
        tap.check("every acknowledged run is in the history, once",
                  [] if load.runs[0] <= done <= sum(load.runs) else f"{done} runs, {load.runs} asked for")
    ids = agent.events()
    tap.check("events have ids without a gap, in order",
              [] if ids and ids == list(range(ids[0], ids[0] + len(ids))) else ids[:50])
    tap.check("no mount is left on the host", host.mounts(agent.tmp))
    left = set(host.cgroups()) - before

    def orphans():
        return [g for g in left if os.path.isdir(g) and not groups_used(g)]
    tap.check("no control group without a task", [] if host.until(lambda: not orphans(), 10) else orphans())


def replace(tap, agent, mark):
    """The agent is updated: the same tasks under another program."""
    other = os.path.join(agent.tmp, "other")
    os.makedirs(other)
    folder = os.path.dirname(agent.callgate)
    for name in ("callgate", "callgate-front", "callgate-http"):
        if os.path.exists(os.path.join(folder, name)):
            shutil.copy(os.path.join(folder, name), os.path.join(other, name))
    before = marked(mark)
    agent.mother.terminate()
    status = agent.mother.wait(timeout=30)
    tap.check("SIGTERM ends the agent with 0, and no task", [] if status == 0 and marked(mark) == before else status)
    agent.callgate = os.path.join(other, "callgate")
    agent.start()
    settled = agent.settled()
    tap.check("another program keeps every task", [] if settled and marked(mark) == before else [before, marked(mark)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("callgate")
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("CALLGATE_SEED", "0"), 0) or random.randrange(1, 2**31))
    parser.add_argument("--keep", action="store_true", help="leave the files of a failed run")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("1..0 # SKIP an agent needs root")
        return 0
    print(f"# seed {arguments.seed} (CALLGATE_SEED or --seed sets another)", flush=True)
    rng = random.Random(arguments.seed)
    mark = str(7000000 + arguments.seed % 900000)
    before = set(host.cgroups())
    tmp = tempfile.mkdtemp(prefix="callgate-kills-")
    os.chmod(tmp, 0o755)
    open(os.path.join(tmp, "agent.yaml"), "w").close()
    agent = Agent(os.path.abspath(arguments.callgate), tmp)
    tap = Tap()
    try:
        agent.start()
        tap.check("the agent starts", [] if host.until(lambda: agent.tasks() is not None, 30) else "no answer")
        load = Load(agent, random.Random(rng.random()), mark)
        began = time.monotonic()
        count = disturb(agent, load, rng, arguments.kills)
        began_again = time.monotonic()
        tap.check("it settles after the last kill", [] if agent.settled() else agent.tasks())
        print(f"# {sum(count.values())} kills {count} in {began_again - began:.0f} s, settled {time.monotonic() - began_again:.1f} s "
              f"later; {load.n} launches, {len(load.ended)} ends, {sum(load.runs)} runs, {load.answers} answers", flush=True)
        judge(tap, agent, load, mark, before)
        replace(tap, agent, mark)
    finally:
        clean_up(agent)
        if tap.failed:
            with open(os.path.join(tmp, "log"), errors="replace") as f:
                print("".join("# " + line for line in f.readlines()[-40:]))
        if not (tap.failed and arguments.keep):
            shutil.rmtree(tmp, ignore_errors=True)
    tap.check("nothing runs any more", marked(mark))
    print(f"1..{tap.n}")
    return 1 if tap.failed else 0


sys.exit(main())
