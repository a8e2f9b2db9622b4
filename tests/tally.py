#!/usr/bin/env python3
"""Counts single test cases out of meson's logs: TAP lines where a test prints them (cmocka, bats), else the test itself.

usage: tally.py LOG.json...   prints failures, skips with their reasons, and last one line "N passed, N failed, N skipped"
"""
import json
import os
import re
import sys

TAP = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*(.*)$")
DIRECTIVE = re.compile(r"^(.*?)\s*#\s*(skip|todo)\S*\s*(.*)$", re.I)


def cases(record):
    """(name, state, reason) for each case of one test."""
    output = (record.get("stdout") or "") + "\n" + (record.get("stderr") or "")
    found, before = [], ""
    for line in output.splitlines():
        match = TAP.match(line)
        if not match:
            before = line.strip().lstrip("# ") or before
            continue
        name, reason, state = match.group(2), "", "failed" if match.group(1) else "passed"
        directive = DIRECTIVE.match(name) or (re.match(r"^()#?\s*(skip)\b\s*(.*)$", name, re.I))
        if directive and directive.group(2).lower() == "skip":
            name, reason, state = directive.group(1), directive.group(3), "skipped"
            if not name:  # cmocka: "not ok 5 # SKIP name", and the reason on the line before
                name, reason = reason, before
        found.append((name, state, reason))
        before = ""
    code = record.get("returncode", 0)
    last = [line.strip() for line in output.splitlines() if line.strip()]
    last = last[-1] if last else ""
    bad = record["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")
    if record["result"] == "SKIP" and not found:
        return [("", "skipped", last or "no reason given")]
    if not found:
        return [("", "failed" if bad else "passed", "exit status %s: %s" % (code, last))]
    if bad and not any(state == "failed" for _, state, _ in found):
        # every case passed and the program still failed: a crash, a leak, a sanitizer, the time limit
        found.append(("(the program itself)", "failed", "%s, exit status %s" % (record["result"], code)))
    return found


def main():
    total = {"passed": 0, "failed": 0, "skipped": 0}
    skips, failures, programs, logs = {}, [], [], 0
    for path in sys.argv[1:]:
        if not os.path.exists(path):
            continue
        logs += 1
        build = path.split("/")[0]
        with open(path, encoding="utf-8") as log:
            for line in log:
                record = json.loads(line)
                if os.environ.get("CALLGATE_PROGRAMS") and record["name"].split("/")[-1].strip().startswith("programs-"):
                    programs += [text for text in (record.get("stdout") or "").splitlines() if not text.startswith("1..")]
                for name, state, reason in cases(record):
                    total[state] += 1
                    where = "%s: %s%s" % (build, record["name"], ": " + name if name else "")
                    if state == "failed":
                        failures.append(where + (" (%s)" % reason if reason else ""))
                    elif state == "skipped":
                        skips.setdefault(reason or "no reason given", []).append(where)
    for line in programs:  # ./dev test --programs says what it ran, and which calls were refused
        print("programs: " + re.sub(r"^((?:not )?ok) \d+ - ", r"\1 ", line))
    for reason, where in sorted(skips.items()):
        print("skipped %d: %s (%s%s)" % (len(where), reason, where[0], ", ..." if len(where) > 1 else ""))
    for failure in failures:
        print("FAILED " + failure)
    if logs == 0:
        print("FAILED no test was run")
        total["failed"] += 1
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % total)
    return 1 if total["failed"] or not total["passed"] else 0


sys.exit(main())
