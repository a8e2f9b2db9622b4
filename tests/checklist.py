#!/usr/bin/env python3
"""Every test that tests/checklist.md names exists, and so does the case in its source; nothing installed is set-user-ID.

usage: checklist.py ROOT BUILD    prints TAP; BUILD is a build directory
"""
import json
import pathlib
import re
import sys

NAME = re.compile(r"`((?:launch|container|keeper|task|spec|e2e|live|image|profile|programs|fuzz|compile|bpf|abi|doc)-[a-z0-9-]+"
                  r"|bpf|compile|policy)(?:: ([^`]+))?`")


def sources_of(test, targets, root):
    """The text of what the test runs: the scripts on its command line, or the sources of its program."""
    text = ""
    for word in test["cmd"]:
        path = pathlib.Path(word)
        if path.suffix in (".bats", ".py", ".sh") and path.is_file():
            text += path.read_text(encoding="utf-8")
        for source in targets.get(word, []):
            if source.startswith(str(root)):
                text += pathlib.Path(source).read_text(encoding="utf-8")
    return text


def main():
    root, build = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    tests = {t["name"]: t for t in json.loads((build / "meson-info/intro-tests.json").read_text(encoding="utf-8"))}
    targets = {}
    for target in json.loads((build / "meson-info/intro-targets.json").read_text(encoding="utf-8")):
        for name in target["filename"]:
            targets[name] = [s for group in target["target_sources"] for s in group.get("sources", [])]
    bad = number = 0
    for name, case in sorted(set(NAME.findall((root / "tests/checklist.md").read_text(encoding="utf-8")))):
        number += 1
        why = None
        if name not in tests:
            why = "there is no test '%s'" % name
        elif case and case not in sources_of(tests[name], targets, root):
            why = "'%s' has no case '%s'" % (name, case)
        bad += why is not None
        print("%sok %d - %s" % ("not " if why else "", number, why or name + (": " + case if case else "")))
    installed = json.loads((build / "meson-info/intro-install_plan.json").read_text(encoding="utf-8"))
    modes = re.findall(r"install_mode[^)]*'[-rwx]*s", "".join(p.read_text(encoding="utf-8") for p in root.glob("**/meson.build")))
    number += 1
    bad += bool(modes) or not installed
    print("%sok %d - what is installed is not set-user-ID" % ("not " if modes or not installed else "", number))
    print("1..%d" % number)
    return 1 if bad else 0


sys.exit(main())
