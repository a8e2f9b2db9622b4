#!/usr/bin/env python3
"""agent.py CALLGATE [--tasks N] [--seconds S] [--subscribers N] [--idle N] [--parts A,B…]: what `callgate agent` costs at scale.

A real agent with real keepers and N tasks of `sleep`, each an app of its own: how long answers take, what the agent costs while
nothing happens, how many launches a second it records from start to end, how many subscribers hear of every event, what idle,
slow, large and deep requests do to others, and how long it is deaf after SIGKILL. There is no other program on this host that
does the same, so the numbers stand beside those that were asked for. Needs root. Rows go to build/bench-agent.tsv."""
import argparse
import ctypes
import http.client
import json
import os
import pathlib
import platform
import resource
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

GROUP = 62950      # clients that are not root: uids from here on, all in this group, which may connect
PER_UID = 60       # connections of one such client: the agent allows 64
JOB = {"id": "true", "run": {"cmd": "true", "cpus": 0.01, "mem": 32, "disk": 0}}
rows = []


def row(what, value, unit, want=None, note=""):
    """`want` is the most when it is negated, else the least."""
    good = None if want is None else value <= -want if want < 0 else value >= want
    asked = "" if want is None else f"   (asked: {'<' if want < 0 else '>='} {abs(want):g}{'' if good else ': MISSED'})"
    print(f"  {what}: {value:.4g} {unit}{asked}{'   ' + note if note else ''}", flush=True)
    rows.append((what, f"{value:.6g}", unit, "" if want is None else f"{abs(want):g}", {None: "", True: "yes", False: "no"}[good]))


def middle(values):
    return statistics.median(values)


def worst(values, part=0.9):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def until(condition, seconds=60.0, pause=0.01):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


# --- the agent, and one client of it ---
class Client(http.client.HTTPConnection):
    """A connection that is used again."""

    def __init__(self, path, timeout=30.0):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def ask(self, method, path, body=None):
        text = json.dumps(body) if isinstance(body, dict) else body
        self.request(method, path, text, {"Content-Type": "application/json"} if text is not None else {})
        answer = self.getresponse()
        return answer.status, answer.read()


class Agent:
    def __init__(self, callgate, tmp):
        self.callgate, self.tmp = callgate, tmp
        self.socket = f"{tmp}/run/agent.sock"
        self.config = f"{tmp}/agent.yaml"
        self.log = open(f"{tmp}/log", "ab")
        self.mother = None
        pathlib.Path(self.config).write_text(f'socket_group: "{GROUP}"\nacl:\n  - gid: {GROUP}\n    rights: read\n')

    def start(self):
        self.mother = subprocess.Popen(
            [self.callgate, "agent", f"--state-dir={self.tmp}/state", f"--listen=unix://{self.socket}",
             f"--seccomp_config_dir={self.tmp}/profiles", "--seccomp_profile_name=default.json", f"--config={self.config}",
             "--resources=cpus:10000;mem:10000000;disk:10000000", "--hostname=bench"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log)

    def ask(self, method, path, body=None, timeout=30.0):
        """(status, document) on a connection of its own; (0, None): no answer."""
        client = Client(self.socket, timeout)
        try:
            status, text = client.ask(method, path, body)
            return status, json.loads(text) if text.strip() else None
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        finally:
            client.close()

    def running(self):
        """Tasks that it knows to run; -1: it does not answer."""
        status, answer = self.ask("GET", "/api/v1/tasks", timeout=5.0)
        return sum(t["state"] == "TASK_RUNNING" for t in answer["tasks"]) if status == 200 else -1

    def children(self):
        found = {}
        try:
            for pid in pathlib.Path(f"/proc/{self.mother.pid}/task/{self.mother.pid}/children").read_text().split():
                found[pathlib.Path(f"/proc/{pid}/comm").read_text().strip()] = int(pid)
        except OSError:
            pass
        return found

    def processes(self):
        """Those that are the agent, workers apart."""
        found = self.children()
        return {"mother": self.mother.pid, "launcher": found.get("gate-launcher"), "front": found.get("callgate-front")}

    def cpu(self):
        """Seconds of processor time, the workers' that have ended included."""
        total = 0
        for pid in self.processes().values():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
        return total / os.sysconf("SC_CLK_TCK")

    def end(self):
        if self.mother is None or self.mother.poll() is not None:
            return
        self.mother.terminate()
        try:
            self.mother.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.mother.kill()
            self.mother.wait()


def memory_kib(pid, what=("Pss",)):
    total = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.split(":")[0] in what:
            total += int(line.split()[1])
    return total


def keepers(tmp):
    """Keepers that hold something below `tmp` open."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() != b"callgate-keeper\0":
                continue
            if any(os.readlink(f"/proc/{pid}/fd/{fd}").startswith(tmp) for fd in os.listdir(f"/proc/{pid}/fd")):
                found.append(int(pid))
        except OSError:
            pass
    return found


# --- launches ---
def reap(mine):
    """Keepers that have ended are our children (PR_SET_CHILD_SUBREAPER), so that their time, and their tasks', is counted."""
    for pid in map(int, pathlib.Path("/proc/self/task", str(os.getpid()), "children").read_text().split()):
        try:
            if pid not in mine and pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                os.waitpid(pid, os.WNOHANG)
        except OSError:
            pass


def all_cpu(agent):
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return agent.cpu() + ended.ru_utime + ended.ru_stime


def sustained(agent, seconds, clients=4, what=""):
    """Runs of a job whose program is `true`, as many as are taken, for so long; then until the last has its end recorded."""
    before = successes(agent)
    stop = time.monotonic() + seconds
    asked, refused = [0] * clients, [0] * clients

    def work(i):
        client = Client(agent.socket)
        while time.monotonic() < stop:
            status, _ = client.ask("POST", "/v1/jobs/true/runs")
            asked[i] += status == 201
            refused[i] += status != 201
            # No more ahead than what the launcher works on at a time, or the queue would be measured.
            while time.monotonic() < stop and sum(asked) - done[0] > 64:
                time.sleep(0.002)
        client.close()

    done, over = [0], threading.Event()

    def count():
        while not over.is_set():
            done[0] = successes(agent) - before
            reap({agent.mother.pid})
            time.sleep(0.02)

    reap({agent.mother.pid})
    cpu, whole, began = agent.cpu(), all_cpu(agent), time.monotonic()
    threads = [threading.Thread(target=work, args=(i,)) for i in range(clients)]
    counter = threading.Thread(target=count)
    for t in [counter] + threads:
        t.start()
    for t in threads:
        t.join()
    until(lambda: done[0] >= sum(asked), 60)
    took = time.monotonic() - began
    over.set()
    counter.join()
    row(f"launches of `true` a second, their end recorded{what}", done[0] / took, "/s", 100,
        f"{done[0]} of {sum(asked)} in {took:.1f} s, {sum(refused)} refused")
    until(lambda: reap({agent.mother.pid}) or idle_share(agent, 0.2) < 0.05, 20)
    row(f"processor time for one{what}", (all_cpu(agent) - whole) / max(1, done[0]) * 1000, "ms", None,
        f"the agent's {(agent.cpu() - cpu) / max(1, done[0]) * 1000:.2f}, the rest its keeper's and its own; load {os.getloadavg()[0]:.1f}")
    return done[0] / took


def successes(agent):
    status, job = agent.ask("GET", "/v1/jobs/true?embed=historySummary")
    return job["historySummary"]["successCount"] if status == 200 else 0


def by_hand(agent, seconds, what=""):
    """The same by `callgate run`, which writes no database: three at a time."""
    run = [agent.callgate, "run", "--rm", f"--state-dir={agent.tmp}/hand", "--", "true"]
    stop, n, running = time.monotonic() + seconds, 0, []
    began = time.monotonic()
    reap({agent.mother.pid})
    before = all_cpu(agent)
    while running or time.monotonic() < stop:
        if time.monotonic() < stop:
            running.append(subprocess.Popen(run, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        if len(running) >= 3 or time.monotonic() >= stop:
            n += running.pop(0).wait() == 0
            reap({agent.mother.pid} | {p.pid for p in running})
    rate = n / (time.monotonic() - began)
    time.sleep(0.2)
    reap({agent.mother.pid})
    row(f"`callgate run --rm` of it a second{what}", rate, "/s", None,
        f"{(all_cpu(agent) - before) / max(1, n) * 1000:.2f} ms of processor time for one")
    return rate


def launches(agent, o):
    print("launches, beside nothing else:")
    agent.ask("POST", "/v1/jobs", JOB)
    by_hand(agent, o.seconds / 2)
    rate = sustained(agent, o.seconds)
    row("the agent, of what `callgate run` does", rate / by_hand(agent, o.seconds / 2), "")


def tasks(agent, o):
    print(f"{o.tasks} tasks of `sleep`, each an app with one instance:")
    client, took = Client(agent.socket), []
    began = time.monotonic()
    for i in range(o.tasks):
        app = {"id": f"/bench/sleep-{i:04d}", "cmd": "exec sleep 100000", "cpus": 0.001, "mem": 16, "instances": 1,
               "labels": {"number": str(i)}, "env": {"WHAT": "bench"}, "container": {"type": "MESOS"}}
        start = time.monotonic()
        status, text = client.ask("POST", "/v2/apps", app)
        took.append((time.monotonic() - start) * 1000)
        if status != 201:
            raise SystemExit(f"bench agent: POST /v2/apps: {status} {text[:300]}")
    client.close()
    until(lambda: agent.running() >= o.tasks, 300, 0.1)
    row("all run after", time.monotonic() - began, "s", None, f"{o.tasks / (time.monotonic() - began):.0f} a second")
    row("POST /v2/apps, median", middle(took), "ms", None, f"p90 {worst(took):.2f}")
    settle(agent)


def settle(agent):
    """Deployments have ended, and the processors are not ours."""
    until(lambda: agent.ask("GET", "/v2/deployments")[1] == [], 60, 0.2)
    until(lambda: idle_share(agent, 0.5) < 0.05, 20)


def idle_share(agent, seconds):
    before = agent.cpu()
    time.sleep(seconds)
    return (agent.cpu() - before) / seconds


# --- answers ---
def timed(client, path, times):
    took, size = [], 0
    for _ in range(times):
        start = time.monotonic()
        status, text = client.ask("GET", path)
        took.append((time.monotonic() - start) * 1000)
        if status != 200:
            raise SystemExit(f"bench agent: GET {path}: {status} {text[:300]}")
        size = len(text)
    return took, size


def answers(agent, o):
    print("answers, one client, one connection:")
    client = Client(agent.socket)
    for path, want in (("/v2/apps", 20), ("/state", 20), ("/v2/apps?embed=apps.tasks", None), ("/v2/tasks", None),
                       ("/api/v1/tasks", None), ("/containers", None), ("/metrics/snapshot", None), ("/metrics/prometheus", None),
                       ("/v2/deployments", None), ("/v1/jobs", None), ("/ping", None)):
        took, size = timed(client, path, 10 if path == "/containers" else 200)
        row(f"GET {path}, median", middle(took), "ms", -want if want else None, f"p90 {worst(took):.2f}, {size / 1024:.0f} KiB")
    client.close()


def idle(agent, o):
    print("while nothing happens:")
    share = idle_share(agent, o.seconds)
    row("processor time of the agent", share * 100, "% of one", -1)
    sizes = {name: memory_kib(pid) for name, pid in agent.processes().items()}
    row("memory of the agent (PSS)", sum(sizes.values()) / 1024, "MiB", -64,
        ", ".join(f"{name} {size / 1024:.1f}" for name, size in sizes.items()))
    rss = {name: memory_kib(pid, ("Rss",)) for name, pid in agent.processes().items()}
    row("memory of the agent (RSS)", sum(rss.values()) / 1024, "MiB", -64)
    each = sorted(memory_kib(pid, ("Private_Clean", "Private_Dirty")) for pid in keepers(agent.tmp))
    if each:
        row("private memory of a keeper, median", middle(each), "KiB", None, f"most {each[-1]}, {len(each)} keepers")


def busy(agent, o):
    print(f"launches, beside {o.tasks} tasks:")
    agent.ask("POST", "/v1/jobs", JOB)
    sustained(agent, o.seconds, what=f", beside {o.tasks}")
    size = os.stat(f"{agent.tmp}/state/front/agent.db-wal").st_size
    row("the database's journal afterwards", size / (1 << 20), "MiB")


# --- subscribers ---
def be(uid):
    os.setgroups([])
    os.setresgid(GROUP, GROUP, GROUP)
    os.setresuid(uid, uid, uid)


def in_child(work):
    """work(pipe) in a process of its own; the pipe's other end."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        try:
            work(theirs)
        finally:
            os._exit(0)
    theirs.close()
    return pid, ours


def subscribe(path, n, deaf=0):
    """n streams; those that are deaf never read."""
    socks = []
    for i in range(n):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(20)
        s.connect(path)
        s.sendall(b"GET /v2/events?event_type=status_update_event HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        if i >= deaf and not s.recv(4096).startswith(b"HTTP/1.1 200"):
            s.close()
            continue
        socks.append(s)
    return socks


def listen(agent, uid, n, pipe):
    """Hears until it is told to stop; answers with what each stream has heard, and when the last came."""
    be(uid)
    socks = subscribe(agent.socket, n)
    pipe.sendall(json.dumps(len(socks)).encode() + b"\n")
    heard = {s: bytearray() for s in socks}
    s = selectors.DefaultSelector()
    for sock in socks:
        sock.setblocking(False)
        s.register(sock, selectors.EVENT_READ)
    s.register(pipe, selectors.EVENT_READ)
    last = 0.0
    while True:
        for key, _ in s.select():
            data = b"" if key.fileobj is pipe else key.fileobj.recv(65536)
            if key.fileobj is pipe:
                ids = [[int(line[3:]) for line in bytes(b).split(b"\n") if line.startswith(b"id:")] for b in heard.values()]
                pipe.sendall(json.dumps([last, ids]).encode() + b"\n")
                return
            if data:
                heard[key.fileobj] += data
                last = time.monotonic()
            else:
                s.unregister(key.fileobj)


def line(pipe):
    with pipe.makefile("rb") as f:
        return json.loads(f.readline() or b"null")


def subscribers(agent, o):
    print(f"{o.subscribers} subscribers of events, {PER_UID} for each uid, one of them deaf:")
    front, before = agent.processes()["front"], memory_kib(agent.processes()["front"])
    groups = []
    for i, at in enumerate(range(0, o.subscribers, PER_UID)):
        n = min(PER_UID, o.subscribers - at)
        groups.append(in_child(lambda pipe, i=i, n=n: listen(agent, GROUP + i, n, pipe)))
    connected = sum(line(pipe) or 0 for _, pipe in groups)
    row("connected", connected, "", o.subscribers)
    deaf = subscribe(agent.socket, 1, deaf=1)
    row("memory of the front, more with them", (memory_kib(front) - before) / 1024, "MiB")
    agent.ask("POST", "/v1/jobs", JOB)
    had, began, cpu = successes(agent), time.monotonic(), agent.cpu()
    runs = 50
    client, took = Client(agent.socket), []
    for _ in range(runs):
        start = time.monotonic()
        client.ask("POST", "/v1/jobs/true/runs")
        took.append((time.monotonic() - start) * 1000)
    until(lambda: successes(agent) - had >= runs, 60)
    recorded = time.monotonic()
    until(lambda: idle_share(agent, 0.2) < 0.05, 30)
    row("memory of the front, more when they have heard", (memory_kib(front) - before) / 1024, "MiB")
    complete = n_events = 0
    lasts = []
    for pid, pipe in groups:
        pipe.sendall(b"stop\n")
        last, ids = line(pipe)
        lasts.append(last)
        n_events = max([n_events] + [len(i) for i in ids])
        complete += sum(len(i) >= 3 * runs and len(set(i)) == len(i) and i == sorted(i) for i in ids)
        os.waitpid(pid, 0)
    row("subscribers that heard of every change, in order", complete, "", o.subscribers, f"{n_events} events each, for {runs} launches")
    row("the last one heard the last", max(0.0, max(lasts) - recorded), "s", None, f"after it was known as recorded, {recorded - began:.1f} s for all")
    row("POST …/runs meanwhile, median", middle(took), "ms", None, f"p90 {worst(took):.1f}")
    row("processor time of the agent for one launch", (agent.cpu() - cpu) / runs * 1000, "ms")
    deaf[0].settimeout(5)
    late = deaf[0].recv(65536).count(b"\nid:")
    row("events that the deaf one finds when it reads at last, at least", late, "")
    deaf[0].close()
    client.close()


# --- those who mean no good ---
def idlers(agent, uid, n, pipe):
    be(uid)
    open_, closed, said = [], 0, {}
    for _ in range(n):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(5)
        try:
            s.connect(agent.socket)
            open_.append(s)
        except OSError as e:
            said[str(e)] = said.get(str(e), 0) + 1
            s.close()
    time.sleep(0.3)
    for s in open_:
        s.setblocking(False)
        try:
            text = s.recv(100)
            what = text.split(b"\r\n")[0].decode() if text else "closed unheard"
            closed += 1
            said[what] = said.get(what, 0) + 1
        except BlockingIOError:
            pass
        except OSError as e:
            said[str(e)] = said.get(str(e), 0) + 1
            closed += 1
    pipe.sendall(json.dumps([len(open_) - closed, said]).encode() + b"\n")
    pipe.recv(1)


def crowd(agent, who, per, path="/v2/info"):
    """Processes of uids with so many connections each; how a client of root fares beside them."""
    began = time.monotonic()
    groups = [in_child(lambda pipe, u=u: idlers(agent, GROUP + u, per, pipe)) for u in range(who)]
    stay, said = 0, {}
    took = []
    while len(took) < 50:
        start = time.monotonic()
        status, _ = agent.ask("GET", path)
        took.append((time.monotonic() - start) * 1000 if status == 200 else float("inf"))
        time.sleep(0.01)
    for _, pipe in groups:
        n, words = line(pipe)
        stay += n
        for word, count in words.items():
            said[word] = said.get(word, 0) + count
    row(f"{who * per} connections that say nothing, of {who} uids: stay at first", stay, "", None,
        f"{time.monotonic() - began:.1f} s; " + (", ".join(f"{n} × {w}" for w, n in said.items()) or "none refused"))
    row("a client of root beside them, median", middle(took), "ms", None,
        f"p90 {worst(took):.1f}, {sum(t == float('inf') for t in took)} of {len(took)} without an answer")
    for pid, pipe in groups:
        pipe.sendall(b"x")
        os.waitpid(pid, 0)


def sent(agent, pieces, seconds=60.0, pause=0.0):
    """What comes back when these bytes are sent: (first line or why not, seconds, bytes sent)."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(seconds)
    start, n = time.monotonic(), 0
    s.connect(agent.socket)
    try:
        for piece in pieces:
            s.sendall(piece)
            n += len(piece)
            if pause:
                time.sleep(pause)
            if select_now(s):
                break
    except OSError:
        pass
    try:
        text = s.recv(4096)
        what = text.split(b"\r\n")[0].decode() or "closed"
    except OSError as e:
        what = str(e)
    s.close()
    return what, time.monotonic() - start, n


def select_now(s):
    with selectors.DefaultSelector() as sel:
        sel.register(s, selectors.EVENT_READ)
        return bool(sel.select(0))


def hostile(agent, o):
    print(f"those who mean no good (RLIMIT_NOFILE of a client: {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}):")
    front = agent.processes()["front"]
    crowd(agent, 1, o.idle)
    crowd(agent, max(1, o.idle // 64), 64)
    before = memory_kib(front)
    head = b"POST /v2/apps HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    big = 100 << 20
    tests = (
        ("100 MB, announced", [head + b"Content-Length: %d\r\n\r\n" % big] + [b"x" * 65536] * (big >> 16), 0),
        ("100 MB, in chunks", [head + b"Transfer-Encoding: chunked\r\n\r\n"] + [b"10000\r\n" + b"x" * 65536 + b"\r\n"] * (big >> 16), 0),
        ("a JSON of 400,000 nested lists", [head + b"Content-Length: 800000\r\n\r\n" + b"[" * 400000 + b"]" * 400000], 0),
        ("a JSON of 100,000 nested objects", [head + b"Content-Length: 600000\r\n\r\n" + b'{"a":' * 100000 + b"1" + b"}" * 99999], 0),
        ("a header of 1 MiB", [b"GET /ping HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * (1 << 20)], 0),
        ("a header, a byte each 0.2 s", [bytes([c]) for c in head], 0.2),
        ("a body, a byte each 0.2 s", [head + b"Content-Length: 100000\r\n\r\n"] + [b"x"] * 100000, 0.2),
    )
    for what, pieces, pause in tests:
        text, took, n = sent(agent, pieces, pause=pause)
        row(f"{what}: over after", took, "s", None, f"{text}; {n / (1 << 20):.3g} MiB sent")
    row("memory of the front, more after all this", (memory_kib(front) - before) / 1024, "MiB")


# --- recovery ---
def recovery(agent, o):
    n = agent.running()
    print(f"after SIGKILL, until it answers and knows {n} tasks to run:")
    for what in ("the front", "the launcher", "all of its processes"):
        took, cpu = [], []
        for _ in range(o.rounds):
            found = agent.processes()
            start = time.monotonic()
            if what == "all of its processes":
                for pid in found.values():
                    os.kill(pid, signal.SIGKILL)
                agent.mother.wait()
                agent.start()
            else:
                os.kill(found[what.split()[1]], signal.SIGKILL)
                until(lambda: not pathlib.Path(f"/proc/{found['front']}").exists(), 10, 0.001)
            if not until(lambda: agent.running() == n, 60, 0.005):
                raise SystemExit(f"bench agent: {agent.running()} tasks of {n} run after a kill of {what}")
            took.append(time.monotonic() - start)
            cpu.append(agent.cpu())
            time.sleep(1.2)  # who was killed at once after its start waits longer before the next
        spent = f", {middle(cpu):.2f} s of processor time" if what.startswith("all") else ""
        row(f"{what}, median", middle(took), "s", -2, f"worst {max(took):.2f}, {len(took)} times{spent}; load {os.getloadavg()[0]:.1f}")


def gone(agent, o):
    print("the end:")
    n, began = agent.running(), time.monotonic()
    client = Client(agent.socket)
    for i in range(o.tasks):
        client.ask("DELETE", f"/v2/apps/bench/sleep-{i:04d}")
    client.close()
    until(lambda: agent.running() == 0, 120, 0.1)
    row(f"{n} apps deleted, all tasks ended", time.monotonic() - began, "s")


PARTS = {"launches": launches, "tasks": tasks, "answers": answers, "idle": idle, "busy": busy, "subscribers": subscribers,
         "hostile": hostile, "recovery": recovery, "gone": gone}


def clean_up(agent):
    agent.end()
    for _ in range(20):
        for pid in keepers(agent.tmp):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.2)
        if not keepers(agent.tmp):
            break
    # Sweeps what keepers that were killed have left.
    subprocess.run([agent.callgate, "ps", "--state-dir", f"{agent.tmp}/state/tasks"], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    agent.log.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("callgate")
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--idle", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5, help="of each kill")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--state", default="/var/tmp", help="where the state is kept: on a disk, as an agent's is")
    o = parser.parse_args()
    if os.geteuid() != 0:
        print("bench agent: skipped: needs root")
        return
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Not below /tmp, which a task on the host's file system sees as its own.
    tmp = tempfile.mkdtemp(prefix="callgate-bench-", dir=o.state)
    os.chmod(tmp, 0o711)
    agent = Agent(os.path.abspath(o.callgate), tmp)
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    fs = subprocess.run(["stat", "-f", "-c", "%T", tmp], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    print(f"the agent, Linux {platform.release()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before, state on {fs}")
    try:
        agent.start()
        if not until(lambda: agent.running() >= 0, 30):
            raise SystemExit("bench agent: it does not start:\n" + pathlib.Path(f"{tmp}/log").read_text())
        for part in o.parts.split(","):
            PARTS[part](agent, o)
        print(f"load {os.getloadavg()[0]:.1f} afterwards")
    finally:
        clean_up(agent)
        shutil.rmtree(tmp, ignore_errors=True)
        path = pathlib.Path("build/bench-agent.tsv")
        if path.parent.is_dir():
            path.write_text("what\tvalue\tunit\tasked\treached\n" + "".join("\t".join(r) + "\n" for r in rows))


main()
