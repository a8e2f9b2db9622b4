#!/usr/bin/env python3
"""launch.py CALLGATE TURNS [ROUNDS] [--tasks N]: what starting a task costs, beside the launchers that people have.

Wall time from start to end of a static program that only exits, in turns (bench-turns): callgate, bubblewrap, crun, runc and
systemd-nspawn on one root file system, with one profile (callgate's default, converted to OCI for runc and crun, compiled
for bubblewrap). Then memory of running tasks, many starts at once, and the rate of starts. Prints what was compared and on
what; a peer that is missing or fails is named with the reason. Needs root. Rows go to build/bench-launch.tsv."""
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

callgate = os.path.abspath(sys.argv[1])
turns = os.path.abspath(sys.argv[2])
rest = [a for a in sys.argv[3:] if not a.startswith("--")]
rounds = int(rest[0]) if rest else 100
n_tasks = int(sys.argv[sys.argv.index("--tasks") + 1]) if "--tasks" in sys.argv else 500
rows_path = pathlib.Path("build/bench-launch.tsv")
DOCKER_CAPS = ["CAP_" + c for c in ("CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP "
                                    "NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE").split()]


def out(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                          **more)


def version(program, *args):
    found = shutil.which(program)
    if not found:
        return None
    text = (out(found, *(args or ("--version",))).stdout.strip().splitlines() or ["?"])[0]
    return text


def rootfs(where):
    for folder in ("bin", "usr/bin", "proc", "dev", "sys", "tmp", "etc", "run", "var"):
        (where / folder).mkdir(parents=True)
    source = b"#include <unistd.h>\nint main(int c, char **v) { (void)v; if (c > 1) pause(); return 0; }\n"
    subprocess.run(["cc", "-static", "-Os", "-x", "c", "-o", where / "bin/true", "-"], check=True, input=source)
    os.link(where / "bin/true", where / "bin/wait")
    (where / "etc/os-release").write_text("ID=bench\n")


def bundle(where, root, seccomp, network, limits):
    where.mkdir()
    config = {"ociVersion": "1.0.2", "root": {"path": str(root)}, "hostname": "bench",
              "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["/bin/true"], "cwd": "/",
                          "env": ["PATH=/bin"], "noNewPrivileges": False,
                          "capabilities": {k: DOCKER_CAPS for k in ("bounding", "effective", "permitted")}},
              "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                         {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
              "linux": {"namespaces": [{"type": t} for t in ("pid", "mount", "ipc", "uts")]}}
    if network:
        config["linux"]["namespaces"].append({"type": "network"})
    if seccomp:
        config["linux"]["seccomp"] = seccomp
    if limits:
        config["linux"]["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 64}}
    (where / "config.json").write_text(json.dumps(config))


def oci_profile():
    made = out(callgate, "convert", "--to=oci", "--caps=docker", "default")
    if made.returncode != 0:
        print("  the default profile as OCI:", made.stderr.strip())
        return None
    return json.loads(made.stdout)


def commands(tmp, memory, root):
    lines = []
    cg = f"{callgate} run --rm --state-dir {memory}/state"
    five = "--isolation=linux/seccomp,linux/capabilities,filesystem/linux,namespaces/pid,namespaces/ipc,namespaces/uts,posix/rlimits"
    four = five.replace("linux/seccomp,", "")
    lines.append(f"bare vfork and exec\t{root}/bin/true")
    lines.append(f"callgate, pid mount uts ipc, default profile, warm\t{cg} {five} --rootfs {root}:rw -- /bin/true")
    lines.append(f"callgate, the same without a profile\t{cg} {four} --security-opt seccomp=unconfined --rootfs {root}:rw -- /bin/true")
    lines.append(f"callgate, --isolation=linux/seccomp\t{cg} --isolation=linux/seccomp -- {root}/bin/true")
    # In a cache of its own: what the other rows have in theirs stays, also that of the one row with other capabilities.
    lines.append(f"callgate, cold profile cache\tenv=XDG_CACHE_HOME={tmp}/cold sh=rm,-rf,{tmp}/cold/callgate {cg} {five} "
                 f"--rootfs {root}:rw -- /bin/true")
    lines.append(f"callgate, + network namespace\t{cg} {five},namespaces/network --rootfs {root}:rw -- /bin/true")
    lines.append(f"callgate, + memory and pids limits\t{cg} {five},cgroups/mem,cgroups/pids --memory 64m --pids-limit 64 "
                 f"--rootfs {root}:rw -- /bin/true")
    lines.append(f"callgate, all isolators, copy-on-write root\t{cg} --rootfs {root} -- /bin/true")
    lines.append(f"callgate, the host's file system\t{cg} -- {root}/bin/true")
    if shutil.which("bwrap"):
        b = f"{shutil.which('bwrap')} --unshare-pid --unshare-uts --unshare-ipc"
        tail = f"--bind {root} / --proc /proc --dev /dev"
        lines.append(f"bubblewrap, pid mount uts ipc, the same filter\t9<{tmp}/filter.bpf {b} --seccomp 9 {tail} /bin/true")
        lines.append(f"bubblewrap, the same without a filter\t{b} {tail} /bin/true")
        lines.append(f"bubblewrap, + network namespace\t9<{tmp}/filter.bpf {b} --unshare-net --seccomp 9 {tail} /bin/true")
    hybrid = os.path.isdir("/sys/fs/cgroup/unified")
    if shutil.which("crun"):
        prefix = f"mnt={tmp}/mnt " if hybrid else ""
        for what, name in (("pid mount uts ipc, the same profile", "oci"), ("the same without a profile", "none"),
                           ("+ network namespace", "net")):
            lines.append(f"crun, {what}, no cgroup\t{prefix}{shutil.which('crun')} --root {tmp}/crun --cgroup-manager=disabled run "
                         f"--bundle {tmp}/{name} bench-crun")
        if hybrid:
            print("  crun refuses hosts with both kinds of cgroups: it runs in a mount namespace that shows v2 alone, without limits")
    if shutil.which("runc"):
        for what, name in (("pid mount uts ipc, the same profile", "oci"), ("+ memory and pids limits", "limits")):
            lines.append(f"runc, {what}\t{shutil.which('runc')} --root {tmp}/runc run --bundle {tmp}/{name} bench-runc")
    if shutil.which("systemd-nspawn"):
        lines.append(f"systemd-nspawn, its own profile\t{shutil.which('systemd-nspawn')} -q --register=no --keep-unit -D {root} /bin/true")
    return lines


def crun_mounts(tmp):
    """A mount namespace in which /sys/fs/cgroup is the second version alone."""
    target = tmp / "mnt"
    target.touch()
    subprocess.run(["mount", "--bind", tmp, tmp], check=True)
    subprocess.run(["mount", "--make-private", tmp], check=True)
    made = out("unshare", f"--mount={target}", "--propagation", "private", "mount", "--bind", "/sys/fs/cgroup/unified",
               "/sys/fs/cgroup")
    if made.returncode != 0:
        print("  crun: no namespace for it:", made.stderr.strip())


def private_kib(pid):
    total = 0
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith(("Private_Clean:", "Private_Dirty:")):
                total += int(line.split()[1])
    return total


def status(state, *args):
    return out(callgate, *args, "--state-dir", state)


def tasks(tmp, root, n):
    """n tasks at once: how long until all run, what each keeper costs, and what is left afterwards."""
    state = str(tmp / "state-many")
    run = [callgate, "run", "-d", "--rm", "--state-dir", state, "--rootfs", f"{root}:rw", "--", "/bin/wait", "x"]
    start = time.monotonic()
    ids, waiting = [], []
    for _ in range(n):
        waiting.append(subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                        text=True))
        if len(waiting) >= 16:
            ids.append(waiting.pop(0).communicate())
    ids += [p.communicate() for p in waiting]
    took = time.monotonic() - start
    bad = [e for o, e in ids if not o.strip()]
    keepers = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                if f.read().startswith("callgate-keeper"):
                    keepers.append(private_kib(pid))
        except OSError:
            pass
    keepers.sort()
    print(f"  {n} tasks, 16 starting at a time: {took:.2f} s ({n / took:.0f} a second), {len(bad)} failed"
          + (f": {bad[0].strip()}" if bad else ""))
    if keepers:
        print(f"  private memory of a keeper: median {keepers[len(keepers) // 2]} KiB, most {keepers[-1]} KiB, {len(keepers)} keepers")
    start = time.monotonic()
    names = [o.strip() for o, _ in ids if o.strip()]
    for at in range(0, len(names), 100):
        status(state, "kill", *names[at:at + 100])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and status(state, "ps", "-q").stdout.strip():
        time.sleep(0.05)
    print(f"  all killed and gone after {time.monotonic() - start:.2f} s; left: {len(status(state, 'ps', '-aq').stdout.split())}")


def at_once(tmp, root, n):
    run = [callgate, "run", "--rm", "--state-dir", str(tmp / "state-once"), "--rootfs", f"{root}:rw", "--", "/bin/true"]
    start = time.monotonic()
    started = [subprocess.Popen(run, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(n)]
    failed = sum(p.wait() != 0 for p in started)
    took = time.monotonic() - start
    print(f"  {n} `run --rm` of true at once: {took:.2f} s ({n / took:.0f} a second), {failed} failed")


def sustained(tmp, root, seconds=10):
    run = [callgate, "run", "--rm", "--state-dir", str(tmp / "state-rate"), "--rootfs", f"{root}:rw", "--", "/bin/true"]
    end = time.monotonic() + seconds
    n = failed = 0
    running = []
    while time.monotonic() < end:
        running.append(subprocess.Popen(run, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        if len(running) >= 3:
            failed += running.pop(0).wait() != 0
            n += 1
    failed += sum(p.wait() != 0 for p in running)
    n += len(running)
    print(f"  sustained for {seconds} s, three at a time: {n / seconds:.0f} starts a second, {failed} failed")


def main():
    if os.geteuid() != 0:
        print("bench launch: skipped: needs root")
        return
    # Not below /tmp, which a task on the host's file system sees as its own; the state where hosts have /run: in memory.
    tmp = pathlib.Path(tempfile.mkdtemp(prefix="callgate-bench-", dir="/var/tmp"))
    memory = pathlib.Path(tempfile.mkdtemp(prefix="callgate-bench-", dir="/dev/shm"))
    os.environ["XDG_CACHE_HOME"] = str(tmp / "cache")
    try:
        root = tmp / "rootfs"
        rootfs(root)
        print(f"launches: wall time of whole processes, in turns, {rounds} rounds; Linux {platform.release()}, {os.cpu_count()} processors")
        for program, args in (("bwrap", ()), ("crun", ()), ("runc", ()), ("systemd-nspawn", ())):
            print(f"  {program}: {version(program, *args) or 'not installed: left out'}")
        profile = oci_profile()
        for name, seccomp, net, limits in (("oci", profile, 0, 0), ("none", None, 0, 0), ("net", profile, 1, 0),
                                           ("limits", profile, 0, 1)):
            bundle(tmp / name, root, seccomp, net, limits)
        made = out(callgate, "compile", "--format=raw", "--caps=docker", "-o", str(tmp / "filter.bpf"), "default")
        if made.returncode != 0:
            print("  the default profile as a program:", made.stderr.strip())
        if os.path.isdir("/sys/fs/cgroup/unified"):
            crun_mounts(tmp)
        (tmp / "commands").write_text("\n".join(commands(tmp, memory, root)) + "\n")
        sys.stdout.flush()
        rows_path.parent.mkdir(exist_ok=True)
        rows_path.write_text("bench\twhat\tunit\tmedian\tp10\tp90\tn\tfailed\n")
        subprocess.run([turns, str(rounds), str(tmp / "commands"), str(rows_path)], check=False)
        ratios()
        at_once(memory, root, 200)
        sustained(memory, root)
        tasks(memory, root, n_tasks)
    finally:
        subprocess.run(["umount", "-l", tmp / "mnt"], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["umount", "-l", tmp], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(tmp, ignore_errors=True)
        shutil.rmtree(memory, ignore_errors=True)


def ratios():
    rows = {}
    for line in rows_path.read_text().splitlines()[1:]:
        _, what, _, median, *_ = line.split("\t")
        rows[what] = float(median)
    ours = rows.get("callgate, pid mount uts ipc, default profile, warm")
    if not ours:
        return
    for peer, want in (("bubblewrap, pid mount uts ipc, the same filter", 0.5),
                       ("crun, pid mount uts ipc, the same profile, no cgroup", 0.2)):
        if peer in rows:
            print(f"  callgate / {peer.split(',')[0]}: {ours / rows[peer]:.2f} (to reach: {want})")
    without = rows.get("callgate, the same without a profile")
    if without:
        print(f"  the profile adds {ours - without:.2f} ms (to reach: 0.3)")


main()
