#!/usr/bin/env python3
"""Writes profiles as C strings: embed.py OUTPUT.c PROFILE.json..."""
import os
import sys

with open(sys.argv[1], "w", encoding="ascii") as out:
    out.write('/* Made by src/image/embed.py. */\n#include "image/profiles.h"\n')
    for path in sys.argv[2:]:
        name = "gate_%s" % os.path.splitext(os.path.basename(path))[0]
        with open(path, "rb") as f:
            data = f.read()
        out.write("\nconst char %s_text[] = {\n" % name)
        for at in range(0, len(data), 20):
            out.write("\t" + "".join("%d, " % byte for byte in data[at:at + 20]).rstrip() + "\n")
        out.write("\t0,\n};\nconst size_t %s_len = sizeof(%s_text) - 1;\n" % (name, name))
