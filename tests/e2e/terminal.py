#!/usr/bin/env python3
"""terminal.py CALLGATE STATE: types into `callgate run -it` at a terminal of its own, and looks at that afterwards."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

callgate, state = sys.argv[1:]


class Session:
    def __init__(self, *arguments):
        self.master, self.slave = pty.openpty()
        self.resize(33, 77)
        self.before = termios.tcgetattr(self.slave)
        self.text = b""

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([callgate, arguments[0], "--state-dir", state, *arguments[1:]], stdin=self.slave,
                                        stdout=self.slave, stderr=self.slave, preexec_fn=own_terminal)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text)

    def see(self, text, seconds=10):
        end = time.time() + seconds
        while text not in self.text:
            left = end - time.time()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise AssertionError("no %r in %r" % (text, self.text))
            self.text += os.read(self.master, 65536)
        self.text = self.text[self.text.index(text) + len(text):]

    def ends(self, status):
        got = self.process.wait(10)
        assert got == status, "exit status %s, not %s: %r" % (got, status, self.text)
        assert termios.tcgetattr(self.slave) == self.before, "the terminal is not as it was"
        os.close(self.master)
        os.close(self.slave)


def shell(*arguments):
    session = Session("run", "--rm", "-it", *arguments, "--", "sh")
    # What is typed is echoed, so what is waited for is made by the shell.
    session.type(b"echo re$((20+2))dy\n")
    session.see(b"re22dy")
    return session


one = shell()
one.type(b"stty size; tty; echo do$((1+1))e\n")
one.see(b"33 77")
one.see(b"/dev/")
one.see(b"do2e")
one.resize(10, 40)
os.kill(one.process.pid, signal.SIGWINCH)
time.sleep(0.3)
one.type(b"stty size; echo s$((3+3))e\n")
one.see(b"10 40")
one.see(b"s6e")
one.type(b"sleep 100\n")
time.sleep(0.3)
one.type(b"\x03echo st$((4+4))ll\n")  # ^C ends sleep, not the shell
one.see(b"st8ll")
# Typing into the terminal on behalf of who reads it: refused by the default profile (and the terminal is not ours).
if subprocess.run(["which", "python3"], stdout=subprocess.DEVNULL, check=False).returncode == 0:
    one.type(b"python3 -c 'import fcntl,termios; fcntl.ioctl(0, termios.TIOCSTI, b\"x\")'; echo en$((5+5))d\n")
    one.see(b"PermissionError")
    one.see(b"en10d")
one.type(b"exit 9\n")
one.ends(9)

two = shell("--name", "left")
two.type(b"\x10\x11")
two.ends(0)
names = subprocess.run([callgate, "ps", "--state-dir", state, "--format", "{{.Names}}"], stdout=subprocess.PIPE, text=True,
                       check=True).stdout.split()
assert names == ["left"], names
three = Session("exec", "-it", "left", "sh")
three.type(b"echo ex$((6+6))c\n")
three.see(b"ex12c")
three.type(b"exit 4\n")
three.ends(4)
subprocess.run([callgate, "rm", "-f", "--state-dir", state, "left"], stdout=subprocess.DEVNULL, check=True)

four = shell()
four.process.kill()  # nothing can be given back then, but the task must not be held up
four.process.wait(10)
print("ok")
