#!/usr/bin/env python3
"""Makes the C tables of src/abi from the text tables in this folder.

generate.py FOLDER OUTPUT.c       fails with "FILE:LINE: what is wrong", and writes nothing, if a table is not sound
Needs the standard library only; the output depends on nothing but the tables.
"""
import os
import re
import sys

MAX_ARGS = 6  # seccomp_data has six
NONE = 0xffff
CLASSES = {'narrow': (1, 0), 'wide': (0, 0), 'pointer': (0, 1), 'narrow pointer': (1, 1)}
MASK = (1 << 64) - 1


class Bad(Exception):
    pass


def rows(folder, name, low, high):
    """The lines of a table as (place, columns); `low` to `high` columns."""
    path = os.path.join(folder, name)
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip('\n')
            if line == '' or line.startswith('#'):
                continue
            place, columns = f'{name}:{number}', line.split('\t')
            if not low <= len(columns) <= high:
                raise Bad(f'{place}: {len(columns)} columns, not {low if low == high else f"{low} to {high}"}')
            if any(c != c.strip() or c == '' for c in columns):
                raise Bad(f'{place}: an empty column, or blanks around one')
            yield place, columns


def number(place, text):
    if not re.fullmatch(r'0|[1-9][0-9]*|0x[0-9a-f]+', text):
        raise Bad(f"{place}: '{text}' is not a number")
    return int(text, 0)


def read_types(folder):
    types = {}
    for place, (name, kind) in rows(folder, 'types.txt', 2, 2):
        if kind not in CLASSES:
            raise Bad(f"{place}: '{kind}' is not one of {', '.join(CLASSES)}")
        if name in types:
            raise Bad(f"{place}: type '{name}' is there twice")
        types[name] = CLASSES[kind]
    return types


def read_arches(folder):
    arches = []
    words = {}
    for place, c in rows(folder, 'architectures.txt', 10, 10):
        name, table, offset, audit, bits, order, errno, mux, goarch, aliases = c
        arch = dict(name=name, table=table, offset=number(place, offset), audit=number(place, audit), errno=errno,
                    is64=bits == '64', big=order == 'be', mux=[] if mux == '-' else mux.split(','), goarch=goarch,
                    aliases=[] if aliases == '-' else aliases.split(','), place=place)
        if bits not in ('32', '64') or order not in ('le', 'be'):
            raise Bad(f"{place}: bits are 32 or 64, the order is le or be")
        if bool(arch['audit'] & 0x80000000) != arch['is64'] or bool(arch['audit'] & 0x40000000) == arch['big']:
            raise Bad(f"{place}: bits and order do not go with the token {audit}")
        for word in {name, goarch, *arch['aliases']}:
            if words.setdefault(word.lower(), name) != name:
                raise Bad(f"{place}: '{word}' is also {words[word.lower()]}")
        if any(a['name'] == name for a in arches):
            raise Bad(f"{place}: '{name}' is there twice")
        arches.append(arch)
    tables = {}
    for arch in arches:
        if tables.setdefault(arch['table'], arch['offset']) != arch['offset']:
            raise Bad(f"{arch['place']}: ABIs that share numbers share their offset")
        if arch['table'] not in [a['name'] for a in arches]:
            raise Bad(f"{arch['place']}: '{arch['table']}' is no ABI")
    return arches, tables


def release(place, text):
    match = re.fullmatch(r'([1-9][0-9]?)\.([0-9]{1,2})', text)
    if match is None:
        raise Bad(f"{place}: '{text}' is not a release such as 6.12")
    version = int(match[1]), int(match[2])
    return (0, 0) if version <= (4, 0) else version


def arguments(place, text, types):
    """(how many, which are narrow, which are pointers) of a list of declared types."""
    if text == '?':
        return 0xff, 0, 0
    declared = [] if text == '-' else text.split(',')
    narrow = pointers = 0
    for i, name in enumerate(declared):
        if name not in types:
            raise Bad(f"{place}: type '{name}' is not in types.txt")
        if i < MAX_ARGS:
            narrow |= types[name][0] << i
            pointers |= types[name][1] << i
    return min(len(declared), MAX_ARGS), narrow, pointers


def targets(place, text, tables):
    """Pairs of ABI and number of one numbers column."""
    for part in text.split(' '):
        abis, equals, nr = part.partition('=')
        if equals == '':
            raise Bad(f"{place}: '{part}' is not ABI=number")
        if abis == 'all':
            names = list(tables)
        elif abis == 'new':
            names = [t for t in tables if t != 's390']
        else:
            names = abis.split(',')
        for name in names:
            if name not in tables:
                raise Bad(f"{place}: '{name}' is no ABI with numbers of its own")
            yield name, number(place, nr) + tables[name]


def read_calls(folder, tables, types):
    calls = {name: {} for name in tables}
    seen = set()
    names = []
    for place, (name, since, args, numbers) in rows(folder, 'syscalls.txt', 4, 4):
        if not re.fullmatch(r'[a-z0-9_]{2,40}', name):
            raise Bad(f"{place}: '{name}' does not look like a system call")
        if names and name < names[-1]:
            raise Bad(f"{place}: '{name}' comes after '{names[-1]}': keep the lines in order")
        if not names or names[-1] != name:
            names.append(name)
        since, known = release(place, since), arguments(place, args, types)
        for abi, nr in targets(place, numbers, tables):
            if nr in calls[abi]:
                raise Bad(f"{place}: {abi} number {nr} is '{calls[abi][nr][0]}' already")
            if (abi, name) in seen:
                raise Bad(f"{place}: '{name}' is on {abi} already")
            seen.add((abi, name))
            calls[abi][nr] = (name, since, known)
    for abi, table in calls.items():
        if not table:
            raise Bad(f'syscalls.txt:1: {abi} has no call')
    return names, calls


def read_mux(folder, names):
    mux = []
    for place, (through, sub, name) in rows(folder, 'multiplex.txt', 3, 3):
        sub = number(place, sub)
        for word in (through, name):
            if word not in names:
                raise Bad(f"{place}: '{word}' is no system call")
        if any(m[0] == through and (m[1] == sub or m[2] == name) for m in mux):
            raise Bad(f"{place}: '{through}' has {sub} or '{name}' already")
        mux.append((through, sub, name))
    return mux


def read_errnos(folder):
    """{numbering: ([(name, number)], first word of each number)}"""
    path = os.path.join(folder, 'errnos.txt')
    with open(path, encoding='utf-8') as file:
        heads = [line for line in file if line.startswith('#name\t')]
    if len(heads) != 1:
        raise Bad('errnos.txt:1: no line "#name..." that names the columns')
    columns = heads[0].split()[1:]
    table = {c: {} for c in columns}
    second = []
    for place, (name, *values) in rows(folder, 'errnos.txt', len(columns) + 1, len(columns) + 1):
        for column, value in zip(columns, values):
            if value.startswith('='):
                second.append((place, column, name, value[1:]))
            elif value != '-':
                nr = number(place, value)
                if name in table[column] or nr in table[column].values() or not 0 < nr < 4096:
                    raise Bad(f"{place}: {name} = {nr} is there twice, or out of range")
                table[column][name] = nr
    names = {c: {nr: name for name, nr in t.items()} for c, t in table.items()}
    for place, column, name, first in second:
        if first not in table[column] or name in table[column]:
            raise Bad(f"{place}: {name} cannot be a second word for {first}")
        table[column][name] = table[column][first]
    return table, names


def read_caps(folder):
    caps, docker = [], 0
    for place, columns in rows(folder, 'capabilities.txt', 1, 2):
        if not re.fullmatch(r'CAP_[A-Z_]+', columns[0]) or columns[0] in caps:
            raise Bad(f"{place}: '{columns[0]}' is no capability, or there twice")
        if columns[1:] not in ([], ['docker']):
            raise Bad(f"{place}: '{columns[1]}' is not a set that is known here")
        docker |= (1 << len(caps)) if columns[1:] else 0
        caps.append(columns[0])
    return caps, docker


def read_hints(folder, names):
    hints = {}
    for place, (wrong, right) in rows(folder, 'hints.txt', 2, 2):
        if wrong in names or wrong in hints:
            raise Bad(f"{place}: '{wrong}' is a call itself, or there twice")
        if right not in names:
            raise Bad(f"{place}: '{right}' is no system call")
        hints[wrong] = right
    return hints


def name_hash(text):
    """gate_name_hash in src/abi/tables.h does the same: first and last eight bytes, folded by a multiplication."""
    data = text.encode()
    n = len(data)
    if n >= 8:
        a, b = data[:8], data[-8:]
    elif n >= 4:
        a, b = data[:4], data[-4:]
    else:
        a, b = bytes([data[0], data[n // 2]]), data[-1:]
    a, b = int.from_bytes(a, 'little'), int.from_bytes(b, 'little')
    # Long names differ in the middle too (sched_get_priority_max and _min do not, clock_nanosleep_time64 might).
    c = int.from_bytes(data[8:16], 'little') if n > 16 else 0
    x = ((a ^ 0x9e3779b97f4a7c15) * ((b ^ (c << 1 & MASK) ^ n * 0xc2b2ae3d27d4eb4f) & MASK | 1)) & MASK
    return x ^ (x >> 29)


def perfect_hash(names):
    """Displacements and slots: name i lies in slots[(h >> 20 ^ displacement[h & buckets-1]) & slots-1]."""
    n_slots = 1 << max(4, (len(names) * 3 // 2).bit_length())
    n_buckets = n_slots // 4
    buckets = [[] for _ in range(n_buckets)]
    seen = {}
    for i, name in enumerate(names):
        h = name_hash(name)
        if h in seen:
            raise Bad(f"syscalls.txt:1: '{name}' and '{seen[h]}' have one hash: change name_hash here and in C")
        seen[h] = name
        buckets[h % n_buckets].append((h >> 20, i))
    slots, displace = [NONE] * n_slots, [0] * n_buckets
    for b in sorted(range(n_buckets), key=lambda k: (-len(buckets[k]), k)):
        for d in range(n_slots):
            want = [(h ^ d) % n_slots for h, _ in buckets[b]]
            if len(set(want)) == len(want) and all(slots[w] == NONE for w in want):
                break
        else:
            raise Bad('syscalls.txt:1: no perfect hash found: change name_hash here and in C')
        displace[b] = d
        for w, (_, i) in zip(want, buckets[b]):
            slots[w] = i
    return displace, slots


def wrapped(values, per=16):
    values = list(values)
    return ',\n\t'.join(', '.join(str(v) for v in values[i:i + per]) for i in range(0, len(values), per))


def cstr(text):
    return '"' + text + '"'


def emit_names(names, calls):
    """Name texts in one blob, releases, the hash."""
    offsets, at = [], 0
    for name in names:
        offsets.append(at)
        at += len(name) + 1
    first = {}
    for table in calls.values():
        for name, since, _ in table.values():
            first[name] = min(since, first.get(name, since))
    displace, slots = perfect_hash(names)
    yield f'const unsigned gate_names_n = {len(names)};'
    yield 'const char gate_names_blob[] =\n\t' + '\n\t'.join(cstr(n + '\\0') for n in names) + ';'
    yield f'const uint16_t gate_names_at[] = {{\n\t{wrapped(offsets)}\n}};'
    yield f'const uint8_t gate_names_len[] = {{\n\t{wrapped(len(n) for n in names)}\n}};'
    yield 'const struct gate_kver gate_names_since[] = {\n\t' + \
        wrapped((f'{{ {a}, {b} }}' for a, b in (first[n] for n in names)), 8) + '\n};'
    yield f'const uint32_t gate_hash_buckets = {len(displace)}, gate_hash_slots = {len(slots)};'
    yield f'const uint16_t gate_hash_displace[] = {{\n\t{wrapped(displace)}\n}};'
    yield f'const uint16_t gate_hash_slot[] = {{\n\t{wrapped(slots)}\n}};'


def emit_calls(names, calls):
    index = {name: i for i, name in enumerate(names)}
    for abi, table in calls.items():
        ordered = sorted(table.items())
        position = {row[0]: i for i, (_, row) in enumerate(ordered)}
        yield f'static const struct gate_syscall calls_{abi}[] = {{'
        for nr, (name, (major, minor), (n, narrow, pointers)) in ordered:
            yield f'\t{{ {nr}u, {index[name]}, {{ {major}, {minor} }}, {n}, {narrow}, {pointers} }}, /* {name} */'
        yield '};'
        yield f'static const uint16_t rows_{abi}[] = {{\n\t{wrapped(position.get(n, NONE) for n in names)}\n}};'


def emit_arches(arches, calls, errnos):
    yield 'const struct gate_arch_row gate_arches[GATE_ARCH_MAX] = {'
    for a in arches:
        upper, t = a['name'].upper(), a['table']
        own = {row[0]: nr for nr, row in calls[t].items()}
        for mux in a['mux']:
            if mux not in own:
                raise Bad(f"{a['place']}: '{a['name']}' has no {mux}")
        if a['errno'] not in errnos:
            raise Bad(f"{a['place']}: errnos.txt has no column '{a['errno']}'")
        flags = ' | '.join('GATE_MUX_' + m.upper() for m in a['mux']) or '0'
        yield (f'\t[GATE_ARCH_{upper}] = {{ {{ GATE_ARCH_{upper}, {cstr(a["name"])}, {cstr("SCMP_ARCH_" + upper)}, '
               f'{cstr(a["goarch"])}, {a["audit"]:#010x}u, {str(a["is64"]).lower()}, {str(a["big"]).lower()}, '
               f'{errnos[a["errno"]]["ENOSYS"]} }},\n\t\tcalls_{t}, rows_{t}, {len(calls[t])}, '
               f'&errnos_{a["errno"]}, {flags}, {own.get("socketcall", 0)}, {own.get("ipc", 0)},\n'
               f'\t\t{cstr(",".join(a["aliases"]))} }},')
    yield '};'


def emit_errnos(errnos, first):
    for column, table in errnos.items():
        top = max(first[column])
        yield f'static const char *const errno_names_{column}[] = {{'
        yield from (f'\t[{nr}] = {cstr(name)},' for nr, name in sorted(first[column].items()))
        yield '};'
        yield f'static const struct gate_word errno_words_{column}[] = {{'
        yield from (f'\t{{ {cstr(name)}, {nr} }},' for name, nr in sorted(table.items()))
        yield '};'
        yield (f'static const struct gate_errnos errnos_{column} = {{ errno_names_{column}, {top + 1}, '
               f'errno_words_{column}, {len(table)} }};')


def generate(folder):
    arches, tables = read_arches(folder)
    names, calls = read_calls(folder, tables, read_types(folder))
    mux, (errnos, first) = read_mux(folder, names), read_errnos(folder)
    caps, docker = read_caps(folder)
    hints = read_hints(folder, names)
    newest = max(row[1] for t in calls.values() for row in t.values())
    with open(os.path.join(folder, 'syscalls.txt'), encoding='utf-8') as file:
        stated = re.search(r'^# Numbers as of Linux (\d+)\.(\d+)', file.read(), re.M)
    if stated is None or (int(stated[1]), int(stated[2])) < newest:
        raise Bad('syscalls.txt:1: no "Numbers as of Linux X.Y", or a call is newer than that')
    index = {name: i for i, name in enumerate(names)}
    yield '/* Generated by tables/generate.py: edit the tables, not this file. */\n#include "abi/tables.h"\n'
    yield f'const struct gate_kver gate_tables_newest = {{ {stated[1]}, {stated[2]} }};'
    yield from emit_names(names, calls)
    yield from emit_calls(names, calls)
    yield from emit_errnos(errnos, first)
    yield from emit_arches(arches, calls, errnos)
    yield 'const struct gate_mux_row gate_muxes[] = {'
    yield from (f'\t{{ {index[name]}, {sub}, GATE_MUX_{through.upper()} }}, /* {name} */' for through, sub, name in mux)
    yield f'}};\nconst unsigned gate_muxes_n = {len(mux)};'
    yield 'const char *const gate_caps_names[] = {\n' + ''.join(f'\t{cstr(c)},\n' for c in caps) + '};'
    yield f'_Static_assert(GATE_CAP_LAST + 1 == {len(caps)}, "capabilities.txt and GATE_CAP_LAST differ");'
    yield f'_Static_assert(GATE_ARCH_MAX == {len(arches) + 1}, "architectures.txt and enum gate_arch differ");'
    yield f'const unsigned gate_caps_n = {len(caps)};\nconst uint64_t gate_caps_docker = {docker:#x}u;'
    yield 'const struct gate_word gate_hints[] = {'
    yield from (f'\t{{ {cstr(wrong)}, {index[right]} }}, /* {right} */' for wrong, right in hints.items())
    yield f'}};\nconst unsigned gate_hints_n = {len(hints)};'


def main(argv):
    if len(argv) != 3:
        print('usage: generate.py FOLDER OUTPUT.c', file=sys.stderr)
        return 2
    try:
        text = '\n'.join(generate(argv[1])) + '\n'
    except (Bad, OSError) as problem:
        print(f'generate.py: {problem}', file=sys.stderr)
        return 1
    with open(argv[2], 'w', encoding='utf-8') as file:
        file.write(text)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
