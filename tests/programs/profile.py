#!/usr/bin/env python3
"""Holds profiles/default.json against the tables: nothing is allowed or refused because nobody thought of it.

usage: profile.py SOURCE_ROOT
"""
import itertools
import json
import os
import sys

ENTRY_KEYS = {"comment", "names", "action", "errnoRet", "errno", "args", "includes", "excludes"}
BY_ARGUMENT = {"clone", "unshare", "socket", "socketpair", "personality"}  # closed lists: no base anywhere


def words(root, name, column):
    with open(os.path.join(root, "tables", name), encoding="utf-8") as table:
        rows = [line.rstrip("\n").split("\t") for line in table if line.strip() and not line.startswith("#")]
    return [row[column] for row in rows]


def in_force(entry, host, caps, kernel):
    inside, outside = entry.get("includes", {}), entry.get("excludes", {})
    if host in outside.get("arches", []) or caps & set(outside.get("caps", [])):
        return False
    if "minKernel" in outside and kernel >= (4, 8) or "minKernel" in inside and kernel < (4, 8):
        return False
    return ("arches" not in inside or host in inside["arches"]) and set(inside.get("caps", [])) <= caps


def written(profile, calls, caps, hosts):
    """What is wrong with the file as a text."""
    errnos = {}
    for entry in profile["syscalls"]:
        where = "%s %s" % (entry["names"][0], entry.get("args", ""))
        if set(entry) - ENTRY_KEYS:
            yield "%s: unknown keys" % where
        if len(entry.get("comment", "")) < (8 if entry["action"] == "SCMP_ACT_ALLOW" else 25):
            yield "%s: no reason" % where
        if sorted(set(entry["names"])) != entry["names"]:
            yield "%s: names are not in order" % where
        for name in entry["names"]:
            if name not in calls:
                yield "%s: no such call" % name
        for side in ("includes", "excludes"):
            yield from ("%s: no capability" % cap for cap in entry.get(side, {}).get("caps", []) if cap not in caps)
            yield from ("%s: no host" % word for word in entry.get(side, {}).get("arches", []) if word not in hosts)
            if entry.get(side, {}).get("minKernel", "4.8") != "4.8":
                yield "%s: this test knows 4.8 only" % where
        if entry["action"] == "SCMP_ACT_ERRNO":
            number, word = entry["errnoRet"], entry.get("errno")  # ABIs number them differently from 35 on
            if (word is None) != (number < 35) or word is not None and errnos.setdefault(word, number) != number:
                yield "%s: errno and errnoRet" % where


def decided(profile, calls, host, caps, kernel):
    """What is wrong with the file as this host reads it."""
    bases, conditional = {}, set()
    for entry in profile["syscalls"]:
        if not in_force(entry, host, caps, kernel):
            continue
        for name in entry["names"]:
            if "args" in entry:
                conditional.add(name)
            else:
                bases.setdefault(name, []).append(entry)
    # Before 4.8 a tracer changed a call after the filter had passed it.
    for name in ("process_vm_readv", "process_vm_writev", "ptrace") if kernel < (4, 8) and "CAP_SYS_PTRACE" not in caps else ():
        if any(entry["action"] == "SCMP_ACT_ALLOW" for entry in bases.get(name, [])):
            yield "%s: is allowed" % name
    for name in calls:
        found = len(bases.get(name, []))
        if found > 1:
            yield "%s: %d entries without conditions" % (name, found)
        elif found == 0 and not (name in BY_ARGUMENT and name in conditional):
            yield "%s: nothing decides" % name
        elif found == 1 and name in conditional and name not in ("ioctl",):
            yield "%s: conditions beside a base" % name


def main():
    root = sys.argv[1]
    with open(os.path.join(root, "profiles", "default.json"), encoding="utf-8") as file:
        profile = json.load(file)
    calls, caps = set(words(root, "syscalls.txt", 0)), words(root, "capabilities.txt", 0)
    hosts = words(root, "architectures.txt", 8)
    trouble = list(written(profile, calls, caps, hosts))
    asked = {cap for entry in profile["syscalls"] for side in ("includes", "excludes")
             for cap in entry.get(side, {}).get("caps", [])}
    sets = [set(pair) for count in range(3) for pair in itertools.combinations(sorted(asked), count)] + [set(caps)]
    for host in ("amd64", "arm64", "s390x", "mips64"):
        for held in sets:
            for kernel in ((4, 4), (6, 1)):
                trouble += ["%s with %s on %d.%d: %s" % (host, sorted(held), *kernel, what)
                            for what in decided(profile, calls, host, held, kernel)]
    for line in trouble[:20]:
        print(line)
    print("%d entries, %d calls, %d sets of capabilities, %d wrong" %
          (len(profile["syscalls"]), len(calls), len(sets), len(trouble)))
    return 1 if trouble or not sets[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
