#!/usr/bin/env python3
"""tasks.py STATE NAME [KEY=VALUE...]: a task's directory as a keeper leaves it, made by hand; prints the id.

Keys: every number of struct gate_record (src/task/record.h), config=JSON, denial=ARCH,NR,ACTION,SIG,COUNT,PID,MAIN,COMM,
out=TEXT and err=TEXT (one log entry each, in order), rotate=1 (what was logged before goes to an older file), id=HEX.
"""
import os
import struct
import sys
import time

HEAD = [("magic", "I"), ("version", "I"), ("size", "I"), ("state", "I"), ("outcome", "I"), ("status", "i"), ("signal", "i"),
        ("core", "I"), ("by_timeout", "I"), ("by_stop", "I"), ("step", "I"), ("row", "I"), ("sys", "i"), ("pad", "4x"),
        ("object", "q"), ("pid", "I"), ("keeper", "I"), ("pid_start", "Q"), ("boot_id", "16x"), ("session", "I"),
        ("oom_kills", "I"), ("created_ns", "Q"), ("started_ns", "Q"), ("ended_ns", "Q"), ("user_us", "Q"),
        ("system_us", "Q"), ("memory_peak", "Q"), ("gaps", "I"), ("n_denials", "I"), ("lost", "Q"), ("unattributed", "Q"),
        ("log_dropped", "Q")]
DENIAL = "=IIIiQII32s128s"
MOST = 64


def main():
    state, name = sys.argv[1:3]
    now = time.time_ns()
    values = {"magic": 0x63657267, "version": 1, "state": 3, "outcome": 1, "session": 0xffffffff, "created_ns": now - 5 * 10**9,
              "started_ns": now - 5 * 10**9, "ended_ns": now - 3 * 10**9}
    denials, config, logs, ident = [], "{}", [[]], os.urandom(32).hex()
    for word in sys.argv[3:]:
        key, value = word.split("=", 1)
        if key == "denial":
            arch, nr, action, sig, count, pid, first, comm = value.split(",")
            denials.append(struct.pack(DENIAL, int(arch, 0), int(nr), int(action, 0), int(sig), int(count), int(pid), int(first),
                                       comm.encode(), b"/bin/" + comm.encode()))
        elif key == "config":
            config = value
        elif key == "id":
            ident = value
        elif key == "rotate":
            logs.append([])
        elif key in ("out", "err"):
            text = value.encode().decode("unicode_escape").encode("latin-1")
            at = now - 60 * 10**9 * (10 - sum(map(len, logs)))
            logs[-1].append(struct.pack("=QII", at, 1 if key == "out" else 2, len(text)) + text)
        else:
            values[key] = int(value, 0)
    values["n_denials"] = len(denials)
    values["size"] = struct.calcsize("=" + "".join(f for _, f in HEAD)) + MOST * struct.calcsize(DENIAL)
    record = b"".join(struct.pack("=" + f, *([] if "x" in f else [values.get(key, 0)])) for key, f in HEAD)
    record += b"".join(denials).ljust(MOST * struct.calcsize(DENIAL), b"\0")
    directory = os.path.join(state, "containers", ident)
    os.umask(0o077)
    os.makedirs(directory)
    os.makedirs(os.path.join(state, "names"), exist_ok=True)
    if name:
        os.symlink(ident, os.path.join(state, "names", name))
        os.symlink(name, os.path.join(directory, "name"))
    files = {"record": record, "config.json": config.encode(), "lock": b""}
    for i, entries in enumerate(reversed(logs)):
        files["out" if i == 0 else "out.%d" % i] = b"".join(entries)
    for file, content in files.items():
        with open(os.path.join(directory, file), "wb") as f:
            f.write(content)
    print(ident)


main()
