#!/usr/bin/env python3
"""Writes a file's bytes as a C string of the library: embed.py INPUT OUTPUT.c"""
import hashlib
import sys

with open(sys.argv[1], "rb") as f:
    data = f.read()
rows = [data[i:i + 20] for i in range(0, len(data), 20)]
with open(sys.argv[2], "w") as out:
    out.write('/* Made from profiles/default.json by src/source/embed.py. */\n#include "source/source.h"\n\n')
    out.write("const char gate_default_text[] = {\n")
    for row in rows:
        out.write("\t" + ", ".join(str(b) if b < 128 else "(char)%d" % b for b in row) + ",\n")
    out.write("\t0,\n};\nconst size_t gate_default_len = sizeof(gate_default_text) - 1;\n")
    out.write("const struct gate_digest gate_default_digest = { {\n\t")
    out.write(", ".join(str(b) for b in hashlib.sha256(data).digest()) + "\n} };\n")
