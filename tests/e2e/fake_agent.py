#!/usr/bin/env python3
"""A server that answers as the agent does, for tests of the verbs that ask it: apps, jobs, tasks, profiles and events in memory.

usage: fake_agent.py SOCKET    ends with its standard input
"""
import base64
import http.server
import json
import re
import socketserver
import sys
import threading
import urllib.parse

apps, jobs, deployments = {}, {}, {}
TASK = {
    "id": "web.instance-1._app.1", "containerId": "c-1", "parent": None, "owner": "marathon", "ownerId": "/web",
    "version": "2026-11-23T04:00:00.000Z", "name": "web", "user": "nobody", "command": "./server --port 80",
    "state": "TASK_FAILED", "message": "Command terminated with signal Bad system call", "reason": None, "exitStatus": 31,
    "pid": 0, "profile": {"name": "web.json", "textDigest": "sha256:" + "ab" * 32, "meaningDigest": "sha256:" + "cd" * 32,
                          "unconfined": False},
    "denials": [{"arch": "x86_64", "syscall": "ptrace", "number": 101, "verdict": "kill_process", "place": "web.json:40:9",
                 "signal": 31, "count": 3, "pid": 77, "comm": "ser\u001bver", "exe": "/bin/server"}],
    "labels": {}, "healthy": None, "client": "uid 0", "stagedAt": "2026-11-23T03:59:00.000Z",
    "startedAt": "2026-11-23T03:59:01.000Z", "endedAt": "2026-11-23T04:00:00.000Z",
}
PROFILE = {"name": "web.json", "default": False, "floor": False, "allowed": True, "textDigest": "sha256:" + "ab" * 32,
           "meaningDigest": "sha256:" + "cd" * 32, "error": None, "findings": 1, "usedBy": ["web.instance-2._app.1"],
           "olderTasks": ["web.instance-2._app.1"]}
FINDING = {"severity": "warning", "id": "R1", "line": 12, "column": 5, "text": "this rule can never decide anything"}
EVENTS = [
    (1, "status_update_event", {"timestamp": "2020-01-01T00:00:00.000Z", "taskId": "t-1", "appId": "/web",
                                "taskStatus": "TASK_RUNNING"}),
    (2, "status_update_event", {"timestamp": "2026-01-01T00:00:00.000Z", "taskId": "t-2", "appId": "/web",
                                "taskStatus": "TASK_FAILED", "message": "gone \u001b[31mwrong"}),
    (3, "deployment_success", {"timestamp": "2026-01-01T00:00:01.000Z", "id": "d-1"}),
]


def shown(app):
    return dict({"instances": 1, "cpus": 1.0, "mem": 128.0}, **app, tasksRunning=1, tasksStaged=0, tasksHealthy=0,
                tasksUnhealthy=0, deployments=[], lastTaskFailure={
                    "state": "TASK_FAILED", "timestamp": "2026-11-23T04:00:00.000Z", "message": TASK["message"]})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value, **headers):
        body = b"" if value is None else (value if isinstance(value, str) else json.dumps(value)).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def missing(self, what):
        self.answer(404, {"message": what + " does not exist"})

    def deploy(self, status, app):
        deployments["d-1"] = [app, 3]  # goes on for three looks
        self.answer(status, {"version": "2026-11-23T04:00:00.000Z", "deploymentId": "d-1"})

    def valid(self, app):
        seccomp = app.get("container", {}).get("linuxInfo", {}).get("seccomp", {})
        if not (seccomp.get("profileName") and seccomp.get("unconfined")):
            return True
        self.answer(422, {"message": "Object is not valid", "details": [{
            "path": "/container/linuxInfo/seccomp",
            "errors": ["Seccomp unconfined can NOT be true when Profile is defined"]}]})
        return False

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b'event: event_stream_attached\ndata: {"eventType": "event_stream_attached", "timestamp": '
                         b'"2099-01-01T00:00:00.000Z"}\n\n')
        last = int(self.headers.get("Last-Event-ID", "1000"))
        for number, kind, data in EVENTS:
            if number > last:
                text = "id: %d\nevent: %s\ndata: %s\n\n" % (number, kind, json.dumps(dict(data, eventType=kind)))
                self.wfile.write(text.encode())
        self.wfile.write(b": ping\n\n")
        self.wfile.flush()
        stop.wait()

    def run_method(self):
        url = urllib.parse.urlsplit(self.path)
        path, query = urllib.parse.unquote(url.path), urllib.parse.parse_qs(url.query)
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else {}
        if length and self.headers.get("Content-Type") != "application/json":
            return self.answer(415, {"message": "not JSON"})
        if self.command != "GET" and self.headers.get("X-Callgate") != "1":
            return self.answer(403, {"message": "no X-Callgate"})
        for pattern, method in ROUTES:
            match = re.fullmatch(pattern, self.command + " " + path)
            if match:
                return method(self, *match.groups(), body, query)
        return self.missing("'%s'" % path)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = run_method

    def log_message(self, *_):
        pass

    def address_string(self):
        return "unix"


def get_app(h, app, _body, _query):
    h.answer(200, {"app": shown(apps[app])}) if app in apps else h.missing("App '%s'" % app)


def put_app(h, app, body, query):
    if h.valid(body):
        assert query["partialUpdate"] == ["false"]
        apps[app] = body
        h.deploy(200, app)


def post_app(h, body, _query):
    if not h.valid(body):
        return
    apps["/" + body["id"].lstrip("/")] = body
    deployments["d-1"] = [body["id"], 3]
    h.answer(201, dict(shown(body), deployments=[{"id": "d-1"}]))


def patch_app(h, app, body, _query):
    if app not in apps:
        return h.missing("App '%s'" % app)
    apps[app].update(body)
    return h.deploy(200, app)


def delete_app(h, app, _body, _query):
    del apps[app]
    h.deploy(200, app)


def get_deployments(h, _body, _query):
    found = []
    for name, (app, looks) in list(deployments.items()):
        if looks == 0:
            del deployments[name]
            continue
        if app != "/stuck":
            deployments[name][1] -= 1
        found.append({"id": name, "affectedApps": [app]})
    h.answer(200, found)


def job_shown(job):
    return dict(job, activeRuns=[], historySummary={"successCount": 2, "failureCount": 1,
                                                    "lastSuccessAt": "2026-11-22T03:00:00.000+0000",
                                                    "lastFailureAt": "2026-11-23T03:00:00.000+0000"},
                history={"successCount": 2, "failureCount": 1, "successfulFinishedRuns": [], "failedFinishedRuns": [
                    {"id": "20261123030000abcde", "createdAt": "2026-11-23T02:59:00.000+0000",
                     "finishedAt": "2026-11-23T03:00:00.000+0000", "failure": {"message": "refused ptrace"}}]})


def get_job(h, job, _body, _query):
    if not re.fullmatch(r"[a-z0-9.-]+", job):
        return h.answer(422, {"message": "Not a valid id"})
    return h.answer(200, job_shown(jobs[job])) if job in jobs else h.missing("Job")


def put_job(h, job, body, _query):
    jobs[job] = body
    h.answer(200, body)


def post_job(h, body, _query):
    jobs[body["id"]] = body
    h.answer(201, body)


def delete_job(h, job, _body, query):
    if query.get("stopCurrentJobRuns") != ["true"]:
        return h.answer(409, {"message": "There are active job runs. Override with stopCurrentJobRuns=true"})
    del jobs[job]
    return h.answer(200, None)


FILES = {"/containers/c-1/stdout": b"one\ntwo\nthree \xff\n", "/containers/c-1/stderr": b"oops\n"}


def read_file(h, body, _query):
    call = body["read_file"]
    data = FILES[call["path"]]
    piece = data[call["offset"]:call["offset"] + call["length"]]
    h.answer(200, {"type": "READ_FILE", "read_file": {"size": len(data), "data": base64.b64encode(piece).decode()}})


ROUTES = [
    (r"POST /api/v1", read_file),
    (r"GET /v2/apps", lambda h, b, q: h.answer(200, {"apps": [shown(a) for a in apps.values()]})),
    (r"POST /v2/apps", post_app),
    (r"POST /v2/apps(/.*)/restart", lambda h, a, b, q: h.deploy(200, a)),
    (r"GET /v2/apps(/.*)", get_app),
    (r"PUT /v2/apps(/.*)", put_app),
    (r"PATCH /v2/apps(/.*)", patch_app),
    (r"DELETE /v2/apps(/.*)", delete_app),
    (r"GET /v2/deployments", get_deployments),
    (r"GET /v2/events", lambda h, b, q: h.events()),
    (r"GET /v1/jobs", lambda h, b, q: h.answer(200, [job_shown(j) for j in jobs.values()])),
    (r"POST /v1/jobs", post_job),
    (r"POST /v0/scheduled-jobs", post_job),
    (r"POST /v1/jobs/(.*)/runs", lambda h, j, b, q: h.answer(201, {"id": "20261123040000fghij", "jobId": j})),
    (r"GET /v1/jobs/(.*)", get_job),
    (r"PUT /v1/jobs/(.*)", put_job),
    (r"PUT /v0/scheduled-jobs/(.*)", put_job),
    (r"DELETE /v1/jobs/(.*)", delete_job),
    (r"GET /api/v1/tasks", lambda h, b, q: h.answer(200, {"tasks": [TASK] if q.get("id") in (None, [TASK["ownerId"]]) else []})),
    (r"GET /api/v1/tasks/" + re.escape(TASK["id"]), lambda h, b, q: h.answer(200, TASK)),
    (r"GET /api/v1/profiles", lambda h, b, q: h.answer(200, {"profiles": [PROFILE, dict(
        PROFILE, name="bad.json", allowed=False, default=True, usedBy=[], olderTasks=[], error="unknown action 'ALOW'")]})),
    (r"GET /api/v1/profiles/web.json", lambda h, b, q: h.answer(200, dict(PROFILE, findingList=[FINDING], text="{}"))),
]


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 32


stop = threading.Event()
server = Server(sys.argv[1], Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
stop.set()
