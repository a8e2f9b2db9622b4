#!/usr/bin/env python3
"""The table generator refuses unsound tables, saying where and why. Arguments: generate.py and the tables' folder."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

GENERATE, TABLES = sys.argv[1:3]
LINE = 'zzz\t7.0\tint,ptr\tall=900\n'

# table, text to add at its end, words of the message
UNSOUND = [
    ('syscalls.txt', 'zzz\t7.0\tint\n', '3 columns'),
    ('syscalls.txt', 'zzz\t7.0\tint\tx86=3\n', "x86 number 3 is 'read' already"),
    ('syscalls.txt', LINE + LINE.replace('900', '901'), "'zzz' is on x86 already"),
    ('syscalls.txt', 'aaa\t7.0\tint\tall=900\n', 'keep the lines in order'),
    ('syscalls.txt', 'zzz\t7.0\tfoo_t\tall=900\n', "type 'foo_t' is not in types.txt"),
    ('syscalls.txt', 'zzz\tv7\tint\tall=900\n', "'v7' is not a release"),
    ('syscalls.txt', 'zzz\t9.9\tint\tall=900\n', 'newer than that'),
    ('syscalls.txt', 'zzz\t7.0\tint\tz80=900\n', "'z80' is no ABI"),
    ('syscalls.txt', 'zzz\t7.0\tint\tmipsel=900\n', "'mipsel' is no ABI with numbers of its own"),
    ('syscalls.txt', 'zzz\t7.0\tint\tall\n', "'all' is not ABI=number"),
    ('syscalls.txt', 'zzz\t7.0\tint\tall=010\n', "'010' is not a number"),
    ('syscalls.txt', 'Zz-z\t7.0\tint\tall=900\n', 'does not look like a system call'),
    ('syscalls.txt', 'zzz\t7.0\t\tall=900\n', 'an empty column'),
    ('types.txt', 'int\twide\n', "type 'int' is there twice"),
    ('types.txt', 'foo_t\tslim\n', "'slim' is not one of"),
    ('multiplex.txt', 'socketcall\t1\tread\n', "'socketcall' has 1"),
    ('multiplex.txt', 'ipc\t99\tnothing\n', "'nothing' is no system call"),
    ('capabilities.txt', 'CAP_CHOWN\n', 'there twice'),
    ('errnos.txt', 'EPERM\t1\t1\t1\t1\n', 'there twice'),
    ('errnos.txt', 'ENEW\t=ENONE\t-\t-\t-\n', 'cannot be a second word'),
    ('hints.txt', 'read\topen\n', 'is a call itself'),
    ('hints.txt', 'reed\tnothing\n', "'nothing' is no system call"),
    ('architectures.txt', 'z80\tz80\t0\t0x00000001\t64\tbe\tgeneric\t-\tz80\t-\n', 'do not go with the token'),
    ('architectures.txt', 'z80\tx86\t0\t0x00000001\t32\tbe\tgeneric\t-\tz80\ti386\n', "'i386' is also x86"),
    ('architectures.txt', 'z80\tx86\t5\t0x00000001\t32\tbe\tgeneric\t-\tz80\t-\n', 'share their offset'),
]


def run(add=None):
    """Exit code, message and output of the generator, with a line added to one of its tables."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, out = os.path.join(scratch, 'tables'), os.path.join(scratch, 'out.c')
        shutil.copytree(TABLES, folder)
        if add is not None:
            with open(os.path.join(folder, add[0]), 'a', encoding='utf-8') as file:
                file.write(add[1])
        done = subprocess.run([sys.executable, GENERATE, folder, out], capture_output=True, text=True, check=False)
        text = None
        if os.path.exists(out):
            with open(out, encoding='utf-8') as file:
                text = file.read()
        return done.returncode, done.stderr, text


class Generator(unittest.TestCase):
    def test_unsound_tables_are_refused_with_their_place(self):
        for table, lines, words in UNSOUND:
            with self.subTest(words=words):
                code, message, text = run((table, lines))
                self.assertEqual(code, 1)
                self.assertIn(words, message)
                self.assertRegex(message, r'^generate\.py: \w+\.txt:\d+: ')
                self.assertIsNone(text)

    def test_one_line_adds_a_call_to_every_abi(self):
        code, message, text = run(('syscalls.txt', LINE))
        self.assertEqual((code, message), (0, ''))
        self.assertEqual(text.count('/* zzz */'), 18)
        self.assertIn('{ 5900u, ', text)

    def test_the_output_depends_on_the_tables_alone(self):
        self.assertEqual(run(), run())


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
