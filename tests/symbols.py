#!/usr/bin/env python3
"""The public symbols of libcallgate, held against the headers that declare them.

usage: symbols.py --write ROOT                 makes src/callgate.map from include/callgate/*.h
       symbols.py --map ROOT                   the map lists exactly what the headers declare
       symbols.py --library ROOT FILE.so       the library exports all of it and nothing else
       symbols.py --cli ROOT NM-TARGET...      the program's objects use public symbols, base's helpers (buffers, numbers,
                                               checks), doc's JSON, and the layers of tasks, of the agent's start and remote, nothing else
Prints TAP.
"""
import pathlib
import re
import subprocess
import sys

HELPERS = re.compile(r"^gate_(buf_|json_|doc_|arena_|grow$|check_failed$|distance$|u64_parse|"
                     r"task_|isolat|word_|step_|record_|log_|spec_|image|store_|frame_|container_|remote_|"
                     r"settings_|flags?_|identity_find$|mother_run$|open_profile$|opener_|ship_default$|cli_entry$)")


def declared(root):
    names = set()
    for header in sorted((root / "include/callgate").glob("*.h")):
        text = re.sub(r"/\*.*?\*/", " ", header.read_text(), flags=re.S)
        text = re.sub(r"^#.*?(?<!\\)$", " ", text, flags=re.M | re.S)
        text = re.sub(r'extern "C" \{', " ", text)
        depth, flat = 0, ""
        for c in text:  # what stands outside of braces: bodies, structs and enums vanish
            depth += c == "{"
            if depth == 0:
                flat += c
            depth -= c == "}"
            if c == "}" and depth == 0:
                flat += ";"  # the body of an inline function ends a statement
        for statement in flat.split(";"):
            statement = re.sub(r"__attribute__\s*\(\(.*\)\)", " ", statement, flags=re.S)
            if "typedef" in statement or "static" in statement:
                continue
            match = re.search(r"\b(gate_\w+)\s*\(", statement) or re.search(r"\bextern\b.*?\b(gate_\w+)\s*(?:\[.*)?$", statement, re.S)
            if match:
                names.add(match.group(1))
    return names


def mapped(root):
    return set(re.findall(r"^\t(gate_\w+);", (root / "src/callgate.map").read_text(), re.M))


def nm(options, path):
    run = subprocess.run(["nm", *options, path], stdout=subprocess.PIPE, check=True, text=True)
    return {line.split()[-1].split("@")[0] for line in run.stdout.splitlines() if line.strip() and not line.endswith(":")}


def report(checks):
    print("1..%d" % len(checks))
    bad = 0
    for i, (name, wrong) in enumerate(checks, 1):
        print("%sok %d - %s" % ("not " if wrong else "", i, name))
        for symbol in sorted(wrong):
            print("# " + symbol)
        bad += bool(wrong)
        if wrong and "map" in name:
            print("# a public header changed: python3 tests/symbols.py --write . and commit src/callgate.map")
    return 1 if bad else 0


def main():
    mode, root, rest = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    names = declared(root)
    if mode == "--write":
        lines = "".join("\t%s;\n" % name for name in sorted(names))
        (root / "src/callgate.map").write_text("CALLGATE_0 {\nglobal:\n%slocal:\n\t*;\n};\n" % lines)
        return 0
    if mode == "--map":
        return report([("the headers declare something", {"nothing found"} if len(names) < 20 else set()),
                       ("every declared function is in the map", names - mapped(root)),
                       ("nothing else is in the map", mapped(root) - names)])
    if mode == "--library":
        exported = nm(["-D", "--defined-only"], rest[0]) - {"CALLGATE_0"}
        return report([("every declared function is exported", names - exported),
                       ("nothing else is exported", exported - names)])
    used = {s for path in rest for s in nm(["-u"], path) if s.startswith("gate_")}
    own = {s for path in rest for s in nm(["--defined-only"], path)}
    strangers = {s for s in used - own - names if not HELPERS.match(s)}
    return report([("the program uses the library", {"nothing used"} if not used & names else set()),
                   ("the program uses only what the library offers", strangers)])


sys.exit(main())
