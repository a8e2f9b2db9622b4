#!/usr/bin/env python3
"""build.py CALLGATE SCDOC PAGE.scd OUTPUT: a manual page, with its @sections@ taken from the program."""
import os
import re
import subprocess
import sys

callgate, scdoc, source, output = sys.argv[1:]
verb = re.match(r"callgate-(\w+)\.[18]\.scd$", os.path.basename(source))


def section(match):
    command = [callgate, "help", "--scdoc=" + match.group(1), verb.group(1)]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


with open(source, encoding="utf-8") as page:
    text = page.read()
if verb:
    text = re.sub(r"^@(\w+)@\n", section, text, flags=re.M)


def findings(_):
    """One line per finding, out of the table that the library has."""
    table = os.path.join(os.path.dirname(source), "../src/profile/lint_ids.c")
    with open(table, encoding="utf-8") as rows:
        found = re.findall(r'\{ "(T\d+)", "(.*)" \},', rows.read())
    return "".join("*%s*\n\t%s\n\n" % (name, re.sub(r"([_*\\#`|])", r"\\\1", text)) for name, text in found)


text = re.sub(r"^@findings@\n", findings, text, flags=re.M)
# The page carries the day of its source, not that of the build.
day = str(int(os.path.getmtime(source)))
environment = dict(os.environ, SOURCE_DATE_EPOCH=os.environ.get("SOURCE_DATE_EPOCH", day))
roff = subprocess.run([scdoc], input=text, stdout=subprocess.PIPE, check=True, text=True, env=environment).stdout
with open(output, "w", encoding="utf-8") as page:
    page.write(roff)
