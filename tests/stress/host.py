"""What a launch must leave as it was: counts and lists of the host, and how to tell what belongs to one test."""
import os
import subprocess
import time


def processes(marker):
    """Living processes that carry `marker` in their environment or command line."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                text = f.read()
            with open(f"/proc/{pid}/environ", "rb") as f:
                text += f.read()
            with open(f"/proc/{pid}/stat") as f:
                state = f.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if marker.encode() in text and state not in "ZX":
            found.append(int(pid))
    return found


def keepers():
    """Processes that are keepers, whoever started them."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            # Not by "comm": newer kernels put the name of the memory file there that it was executed from.
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if f.read() == b"callgate-keeper\0":
                    found.append(int(pid))
        except OSError:
            pass
    return found


def holders(path):
    """Keepers that hold something below `path` open: they belong to the state directory there."""
    found = []
    for pid in keepers():
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}").startswith(path):
                    found.append(pid)
                    break
        except OSError:
            pass
    return found


def mounts(marker=""):
    with open("/proc/self/mountinfo") as f:
        return [line.split()[4] for line in f if marker in line]


def cgroups():
    found = []
    for top, folders, _ in os.walk("/sys/fs/cgroup"):
        if "/callgate" in top:
            found.append(top)
        if top.count("/") > 12:
            folders.clear()
    return sorted(found)


def files(path):
    return sorted(os.path.join(top, name) for top, folders, names in os.walk(path) for name in folders + names)


def until(condition, seconds=10.0):
    """True as soon as the condition holds, False when it does not within the time."""
    end = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.01)


def quiet(*command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, **more)
