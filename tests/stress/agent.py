"""An agent of its own for a test that kills it: its processes, a client, what it must have left."""
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time

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
            data = answer.read().decode(errors="replace")
            typed = answer.headers.get("Content-Type", "").startswith("application/json")
            return answer.status, json.loads(data) if typed and data else data
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


def groups_used(path):
    for top, _, _ in os.walk(path):
        try:
            with open(os.path.join(top, "cgroup.procs")) as f:
                if f.read().strip():
                    return True
        except OSError:
            pass
    return False


def clean_up(agent):
    if agent.mother is not None and agent.mother.poll() is None:
        agent.mother.terminate()
        try:
            agent.mother.wait(timeout=20)
        except subprocess.TimeoutExpired:
            agent.mother.kill()
            agent.mother.wait()
    state = f"--state-dir={agent.tmp}/state/tasks"
    tasks = host.quiet(agent.callgate, "ps", "-aq", state).stdout.split()
    if tasks:
        host.quiet(agent.callgate, "rm", "-f", state, *tasks)
    for pid in host.holders(agent.tmp):  # it could not be removed
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    host.quiet(agent.callgate, "ps", state)  # sweeps
    agent.log.close()


class Listener(threading.Thread):
    """A client of the event stream that comes back where it was, whenever the agent was away."""

    def __init__(self, agent):
        super().__init__(daemon=True)
        self.agent, self.last = agent, 0
        self.wrong = []
        self.stop = False
        self.start()

    def ids(self):
        return list(range(1, self.last + 1))

    def run(self):
        while not self.stop:
            connection = Connection(self.agent.socket, 2.0)
            try:
                connection.request("GET", "/v2/events", headers={"Last-Event-ID": str(self.last), "Accept": "text/event-stream"})
                answer = connection.getresponse()
                while answer.status == 200 and not self.stop:
                    line = answer.readline()
                    if not line:
                        break
                    if line.startswith(b"id:"):
                        number = int(line[3:])
                        if number != self.last + 1:
                            self.wrong.append(f"event {number} comes after event {self.last}")
                        self.last = number
            except (OSError, http.client.HTTPException, ValueError):
                pass
            finally:
                connection.close()
            time.sleep(0.02)
