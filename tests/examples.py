#!/usr/bin/env python3
"""The examples of the manual and the README: a literal block that starts with "$ callgate" is what the program prints.

usage: examples.py CALLGATE ROOT [--write]    prints TAP; --write puts the real output into the pages
The commands run in a directory with a copy of examples/*.json.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```(console)?\n(\$ callgate.*?)^```\n", re.M | re.S)


def transcript(callgate, directory, commands):
    text = ""
    environment = dict(os.environ, NO_COLOR="1", LC_ALL="C.UTF-8", XDG_CACHE_HOME=directory + "/.cache",
                       PATH=os.path.dirname(callgate) + ":" + os.environ["PATH"])
    for command in commands:
        run = subprocess.run(["bash", "-c", command], cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        text += "$ %s\n%s" % (command, run.stdout)
    return text


def shorten(text, like):
    """A page may show the first lines only: "..." on the last line of its block."""
    lines = like.splitlines()
    if lines and lines[-1] == "...":
        return "".join(line + "\n" for line in text.splitlines()[:len(lines) - 1]) + "...\n"
    return text


def main():
    callgate, root = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
    number, bad = 0, 0
    for page in [root / "README.md", *sorted((root / "man").glob("*.scd"))]:
        source = page.read_text()
        with tempfile.TemporaryDirectory() as directory:
            for profile in (root / "examples").glob("*.json"):
                shutil.copy(profile, directory)

            def block(match):
                nonlocal number, bad
                commands = re.findall(r"^\$ (.*)$", match.group(2), re.M)
                real = shorten(transcript(callgate, directory, commands), match.group(2))
                number += 1
                if real != match.group(2):
                    bad += "--write" not in sys.argv
                    print("not ok %d - %s: %s" % (number, page.name, commands[0]))
                    print("".join("# " + line + "\n" for line in real.splitlines()), end="")
                else:
                    print("ok %d - %s: %s" % (number, page.name, commands[0]))
                return "```" + (match.group(1) or "") + "\n" + real + "```\n"

            changed = BLOCK.sub(block, source)
        if "--write" in sys.argv and changed != source:
            page.write_text(changed)
    print("1..%d" % number)
    return 1 if bad else 0


sys.exit(main())
