"""Asks for what the default profile refuses, by number where no library does, and compares the error."""
import ctypes
import errno
import mmap
import os
import platform
import socket
import sys

NUMBERS = {
    # call: x86_64, everybody since the common table of 64-bit ABIs
    "keyctl": (250, 219), "add_key": (248, 217), "bpf": (321, 280), "userfaultfd": (323, 282), "mount": (165, 40),
    "umount2": (166, 39), "pivot_root": (155, 41), "setns": (308, 268), "unshare": (272, 97), "clone": (56, 220),
    "kexec_load": (246, 104), "init_module": (175, 105), "perf_event_open": (298, 241), "swapoff": (168, 225),
    "open_by_handle_at": (304, 265), "acct": (163, 89), "settimeofday": (164, 170), "personality": (135, 92),
    "ioctl": (16, 29), "syslog": (103, 116), "mbind": (237, 235), "modify_ldt": (154, None), "iopl": (172, None),
    "uselib": (134, None), "io_uring_setup": (425, 425), "clone3": (435, 435), "fsopen": (430, 430),
    "mount_setattr": (442, 442), "pidfd_getfd": (438, 438), "listns": (470, 470), "reboot": (169, 142),
    "kcmp": (312, 272), "sethostname": (170, 161), "fanotify_init": (300, 262), "quotactl": (179, 60),
}
NEWUSER, NEWNS, NEWNET, NEWTIME, VM = 0x10000000, 0x00020000, 0x40000000, 0x80, 0x100

EXPECTED = [
    *[(call, (), errno.EPERM) for call in (
        "keyctl", "add_key", "bpf", "userfaultfd", "mount", "umount2", "pivot_root", "setns", "kexec_load",
        "init_module", "perf_event_open", "swapoff", "open_by_handle_at", "settimeofday", "syslog", "iopl", "fsopen",
        "mount_setattr", "pidfd_getfd", "reboot", "kcmp", "fanotify_init", "quotactl")],
    # Without a filter these would do something with a null pointer.
    ("acct", (1,), errno.EPERM), ("sethostname", (1, 1), errno.EPERM),
    *[(call, (), errno.ENOSYS) for call in ("io_uring_setup", "clone3", "mbind", "modify_ldt", "uselib", "listns")],
    *[("unshare", (flags,), errno.EPERM) for flags in (NEWUSER, NEWNS, NEWNET, NEWTIME, NEWUSER | 0x200)],
    *[("clone", (flags | 17, 0, 0, 0, 0), errno.EPERM) for flags in (NEWUSER, NEWNS, NEWNET, NEWUSER | VM)],
    *[("personality", (value,), errno.EPERM) for value in (0x400000, 0x100000, 0x40000, 0x420000, 3)],
    *[("ioctl", (0, request, 0), errno.EPERM)
      for request in (0x5412, 0x541c, 0x5423, 0x1_0000_5412, 0x7fff_ffff_0000_541c)],
    # what stays open beside them
    ("unshare", (0x200,), 0), ("personality", (0xffffffff,), 0), ("personality", (0xffff_ffff_ffff_ffff,), 0),
    ("ioctl", (0, 0x5401, 0), {errno.ENOTTY, errno.EFAULT}),
]
FAMILIES = [(38, errno.EAFNOSUPPORT), (40, errno.EAFNOSUPPORT), (0, errno.EAFNOSUPPORT), (3, errno.EAFNOSUPPORT),
            (5, errno.EAFNOSUPPORT), (9, errno.EAFNOSUPPORT), (15, errno.EAFNOSUPPORT), (18, errno.EAFNOSUPPORT),
            (31, errno.EAFNOSUPPORT), (1, 0), (2, 0), (10, 0), (16, 0)]


def call(libc, number, args):
    ctypes.set_errno(0)
    value = libc.syscall(ctypes.c_long(number), *[ctypes.c_ulong(arg) for arg in args + (0,) * (6 - len(args))])
    if number == NUMBERS["clone"][platform.machine() != "x86_64"] and value == 0:
        os._exit(0)  # the child that should not be
    return ctypes.get_errno() if value == -1 else 0


# push rbx; mov eax, edi; mov ebx, esi; mov ecx, edx; int 0x80; pop rbx; ret
INT80 = bytes.fromhex("53 89f8 89f3 89d1 cd80 5b c3")


def by_int80(number, *args):
    """A call of the x86 ABI from this process, in a child: its error, 0, or None where the kernel has no such ABI."""
    pid = os.fork()
    if pid == 0:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(INT80)
        call32 = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint)(
            ctypes.addressof(ctypes.c_char.from_buffer(page)))
        value = call32(number, *args)
        os._exit(-value if -134 < value < 0 else 0)
    status = os.waitpid(pid, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None


def through_the_old_gate():
    """socketcall, twice, keyctl, io_uring_setup, unshare; getpid(2) shows whether the kernel has this way in."""
    if platform.machine() != "x86_64" or by_int80(20, 0, 0) != 0:
        return 0, []
    wanted = [(102, 1, errno.EACCES), (102, 8, errno.EACCES), (288, 0, errno.EPERM), (425, 0, errno.ENOSYS),
              (310, NEWUSER, errno.EPERM)]
    got = [(number, argument, by_int80(number, argument, 0), want) for number, argument, want in wanted]
    return len(got), ["int 0x80, call %d(%d): %s instead of %d" % row for row in got if row[2] != row[3]]


def main():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    machine = platform.machine()
    if machine not in ("x86_64", "aarch64", "riscv64", "loongarch64"):
        print("the numbers of %s are not written down here" % machine)
        return 1
    wrong, asked = [], 0
    for name, args, want in EXPECTED:
        number = NUMBERS[name][machine != "x86_64"]
        if number is None:
            continue
        asked += 1
        got = call(libc, number, args)
        if got != want and not (isinstance(want, set) and got in want):
            wrong.append("%s%s: %s instead of %s" % (name, args, errno.errorcode.get(got, got), want))
    for family, want in FAMILIES:
        asked += 1
        try:
            socket.socket(family, socket.SOCK_RAW if family == 16 else socket.SOCK_STREAM).close()
            got = 0
        except OSError as error:
            got = error.errno
        if got != want and not (got == errno.EAFNOSUPPORT and family == 10):
            wrong.append("family %d: %s instead of %s" % (family, errno.errorcode.get(got, got), want))
    count, more = through_the_old_gate()
    asked, wrong = asked + count, wrong + more
    for line in wrong:
        print(line)
    print("%d calls asked for, %d answered as written%s" %
          (asked, asked - len(wrong), "" if count else "; no 32-bit x86 calls on this kernel"))
    return 1 if wrong else 0


if __name__ == "__main__":
    if os.environ.get("CALLGATE_CASE") is None:
        sys.exit("only under the runner: it asks for things like reboot(2)")
    sys.exit(main())
