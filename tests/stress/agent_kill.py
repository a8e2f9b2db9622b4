#!/usr/bin/env python3
"""agent_kill.py CALLGATE [--kills N] [--seed S]: the agent's processes are killed at random moments (SIGKILL) while clients
launch, end and remove containers, start jobs and scale an app. Afterwards: what was acknowledged is there, once, under its filter;
nothing is left of what was ended; events have ids without a gap. Then another binary takes over. Prints TAP."""
import argparse
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import host

RUNNING = ("TASK_RUNNING",)
ACTIVE = ("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING")


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Agent:
    """The processes, and one client."""

    def __init__(self, callgate, tmp):
        self.callgate, self.tmp = callgate, tmp
        self.socket = os.path.join(tmp, "socket")
        self.log = open(os.path.join(tmp, "log"), "ab")
        self.mother = None
        self.lock = threading.Lock()  # who starts and kills

    def start(self):
        self.mother = subprocess.Popen(
            [self.callgate, "agent", f"--state-dir={self.tmp}/state", f"--listen=unix://{self.socket}",
             f"--seccomp_config_dir={self.tmp}/profiles", "--seccomp_profile_name=default.json", f"--config={self.tmp}/agent.yaml"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log)

    def child(self, name):
        try:
            with open(f"/proc/{self.mother.pid}/task/{self.mother.pid}/children") as f:
                for pid in f.read().split():
                    with open(f"/proc/{pid}/comm") as c:
                        if c.read().strip() == name:
                            return int(pid)
        except OSError:
            pass
        return None

    def kill(self, who):
        """True when there was one to kill. A mother is started again."""
        with self.lock:
            if who == "mother":
                self.mother.kill()
                self.mother.wait()
                self.start()
                return True
            pid = self.child(who)
            if pid is None:
                return False
            os.kill(pid, signal.SIGKILL)
            return True

    def ask(self, method, path, body=None, timeout=5.0):
        """(status, document), or (0, None): no answer, so nobody knows."""
        connection = Connection(self.socket, timeout)
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, path, text, {"Content-Type": "application/json"} if body is not None else {})
            answer = connection.getresponse()
            data = answer.read()
            return answer.status, json.loads(data) if data.strip() else None
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        finally:
            connection.close()

    def call(self, kind, **more):
        return self.ask("POST", "/api/v1", {"type": kind.upper(), kind: more})

    def tasks(self):
        status, answer = self.ask("GET", "/api/v1/tasks")
        return {t["id"]: t for t in answer["tasks"]} if status == 200 else None

    def settled(self, seconds=60.0):
        """Answers, and nothing is on its way."""
        def quiet():
            tasks = self.tasks()
            return tasks is not None and not any(t["state"] in ACTIVE and t["state"] not in RUNNING for t in tasks.values())
        return host.until(quiet, seconds)

    def events(self):
        """Ids of all events that are kept."""
        connection = Connection(self.socket, 2.0)
        ids = []
        try:
            connection.request("GET", "/v2/events", headers={"Last-Event-ID": "0", "Accept": "text/event-stream"})
            answer = connection.getresponse()
            while True:
                line = answer.readline()
                if not line:
                    break
                if line.startswith(b"id:"):
                    ids.append(int(line[3:]))
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        return ids


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
        if status not in (0, 200, 202, 503, 507):
            raise AssertionError(f"launch: {status}")
        if status not in (503, 507):
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


def marked(mark):
    """{marker's number: [pids]} of living processes."""
    found = {}
    for pid in host.processes(f"{mark}."):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                text = f.read().decode(errors="replace")
        except OSError:
            continue
        at = text.find(f"{mark}.")
        if at >= 0:
            found.setdefault(int(text[at + len(mark) + 1:][:5]), []).append(pid)
    return found


def unconfined(pids):
    wrong = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status") as f:
                if "\nSeccomp:\t2\n" not in f.read():
                    wrong.append(pid)
        except OSError:
            pass
    return wrong


class Tap:
    def __init__(self):
        self.n, self.failed = 0, 0

    def check(self, name, wrong):
        self.n += 1
        self.failed += bool(wrong)
        print(f"{'not ' if wrong else ''}ok {self.n} - {name}", flush=True)
        if wrong:
            print(f"# {str(wrong)[:1500]}", flush=True)


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


def groups_used(path):
    for top, _, _ in os.walk(path):
        try:
            with open(os.path.join(top, "cgroup.procs")) as f:
                if f.read().strip():
                    return True
        except OSError:
            pass
    return False


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


def clean_up(agent):
    if agent.mother is not None and agent.mother.poll() is None:
        agent.mother.terminate()
        try:
            agent.mother.wait(timeout=20)
        except subprocess.TimeoutExpired:
            agent.mother.kill()
            agent.mother.wait()
    for _ in range(3):
        for pid in host.holders(agent.tmp):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.2)
    host.quiet(agent.callgate, "ps", "--state-dir", f"{agent.tmp}/state/tasks")  # sweeps
    agent.log.close()


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
