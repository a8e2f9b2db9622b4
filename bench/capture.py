#!/usr/bin/env python3
"""capture.py PROFILE OUT-DIR: what runc and crun really load for a profile, as strace shows it.

Makes a minimal bundle (a static program, no cgroups), resolves the profile's includes and excludes for Docker's
capabilities on x86_64 as moby does, runs each engine under strace, and writes the filter as OUT-DIR/ENGINE.bpf (raw
struct sock_filter, this host's byte order). Prints why an engine was left out. Needs root."""
import json, os, re, shutil, struct, subprocess, sys

CAPS = ["CAP_" + c for c in ("CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP "
                             "NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE").split()]
CODES = {"BPF_LD": 0, "BPF_ALU": 4, "BPF_JMP": 5, "BPF_RET": 6, "BPF_W": 0, "BPF_ABS": 0x20, "BPF_K": 0, "BPF_X": 8,
         "BPF_A": 0x10, "BPF_JA": 0, "BPF_JEQ": 0x10, "BPF_JGT": 0x20, "BPF_JGE": 0x30, "BPF_JSET": 0x40, "BPF_AND": 0x50,
         "BPF_LDX": 1, "BPF_ST": 2, "BPF_STX": 3, "BPF_MISC": 7, "BPF_TAX": 0, "BPF_TXA": 0x80, "BPF_IMM": 0,
         "BPF_MEM": 0x60}
ACTIONS = {"SECCOMP_RET_KILL_PROCESS": 0x80000000, "SECCOMP_RET_KILL_THREAD": 0, "SECCOMP_RET_KILL": 0,
           "SECCOMP_RET_TRAP": 0x30000, "SECCOMP_RET_ERRNO": 0x50000, "SECCOMP_RET_USER_NOTIF": 0x7fc00000,
           "SECCOMP_RET_TRACE": 0x7ff00000, "SECCOMP_RET_LOG": 0x7ffc0000, "SECCOMP_RET_ALLOW": 0x7fff0000}


def in_force(entry):
    inc, exc = entry.get("includes") or {}, entry.get("excludes") or {}
    return (all(c in CAPS for c in inc.get("caps") or []) and not any(c in CAPS for c in exc.get("caps") or [])
            and ("amd64" in inc["arches"] if inc.get("arches") else True)
            and "amd64" not in (exc.get("arches") or []))


def flat(profile):
    archs = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    keep = ("names", "action", "errnoRet", "args")
    out = {"defaultAction": profile["defaultAction"], "architectures": archs,
           "syscalls": [{k: e[k] for k in keep if e.get(k) is not None} for e in profile["syscalls"] if in_force(e)]}
    if "defaultErrnoRet" in profile:
        out["defaultErrnoRet"] = profile["defaultErrnoRet"]
    return out


def bundle(where, profile):
    root = os.path.join(where, "rootfs")
    os.makedirs(root, exist_ok=True)
    for folder in ("proc", "dev"):
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    subprocess.run(["cc", "-static", "-Os", "-x", "c", "-o", os.path.join(root, "true"), "-"], check=True,
                   input=b"int main(void) { return 0; }")
    sets = {k: CAPS for k in ("bounding", "effective", "permitted")}
    config = {"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "hostname": "bench",
              "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["/true"], "cwd": "/",
                          "env": ["PATH=/"], "capabilities": sets, "noNewPrivileges": True},
              "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
              "linux": {"namespaces": [{"type": t} for t in ("pid", "mount", "ipc", "uts")], "seccomp": flat(profile)}}
    with open(os.path.join(where, "config.json"), "w") as f:
        json.dump(config, f)


def value(text):
    total = 0
    for part in text.split("|"):
        part = part.strip()
        total |= ACTIONS[part] if part in ACTIONS else int(part, 0)
    return total


def code(text):
    total = 0
    for part in text.split("|"):
        part = part.strip()
        total |= CODES[part] if part in CODES else int(part, 0)
    return total


def parse(line):
    out = []
    for kind, inner in re.findall(r"BPF_(STMT|JUMP)\(([^()]*)\)", line):
        f = [x.strip() for x in inner.split(",")]
        jumps = (int(f[2], 0), int(f[3], 0)) if kind == "JUMP" else (0, 0)
        out.append(struct.pack("=HBBI", code(f[0]), *jumps, value(f[1]) & 0xffffffff))
    return out


def capture(engine, where, out):
    path = shutil.which(engine)
    if not path:
        return "not installed"
    log = os.path.join(out, engine + ".strace")
    state = os.path.join(out, engine + ".state")
    name = f"bench-{engine}-{os.getpid()}"
    extra = ["--cgroup-manager=disabled"] if engine == "crun" else []
    # crun refuses hosts with both kinds of cgroups: show it the second kind alone, in a mount namespace of its own
    before = []
    if engine == "crun" and os.path.isdir("/sys/fs/cgroup/unified"):
        before = ["unshare", "-m", "sh", "-c", 'mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup && exec "$@"', "sh"]
    run = subprocess.run([*before, "strace", "-f", "-v", "-s", "65536", "-e", "trace=seccomp,prctl", "-o", log, path,
                          "--root", state, *extra, "run", "--bundle", where, name], stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
    subprocess.run([path, "--root", state, "delete", "--force", name], stderr=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    best = []
    if os.path.exists(log):
        with open(log, errors="replace") as f:
            for line in f:
                if "BPF_STMT" in line:
                    found = parse(line)
                    declared = re.search(r"len=(\d+)", line)
                    if declared and int(declared.group(1)) == len(found) and len(found) > len(best):
                        best = found
    if not best:
        last = run.stderr.decode(errors="replace").strip().splitlines()
        return "loaded no filter: " + (last[-1] if last else f"exit status {run.returncode}")
    with open(os.path.join(out, engine + ".bpf"), "wb") as f:
        f.write(b"".join(best))
    return None


def main():
    profile, out = sys.argv[1:3]
    with open(profile) as f:
        text = json.load(f)
    if os.geteuid() != 0 or not shutil.which("strace"):
        print("runc, crun: skipped: needs root and strace")
        return
    where = os.path.join(out, "bundle")
    bundle(where, text)
    for engine in ("runc", "crun"):
        try:
            why = capture(engine, where, out)
        except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            why = f"{type(error).__name__}: {error}"
        if why:
            print(f"{engine}: skipped: {why}")


main()
