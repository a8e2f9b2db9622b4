#!/usr/bin/env python3
"""Images made here, good ones and damaged ones, through `callgate image`.

usage: image.py CALLGATE    prints TAP. After each refusal the store is as it was, and nothing is left in its tmp/.
"""
import gzip
import hashlib
import io
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

callgate = os.path.abspath(sys.argv[1])
ARCH = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "ppc64le": "ppc64le", "s390x": "s390x"}.get(platform.machine(), "386")
OCI = "application/vnd.oci.image."
tests = []


def test(function):
    tests.append(function)
    return function


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(*files):
    """A tar archive of (name, text) pairs; text None: a directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in files:
            info = tarfile.TarInfo(name)
            info.uid, info.gid = os.geteuid(), os.getegid()
            if text is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            else:
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


class Layout:
    """An OCI layout; every part can be bent before it is written."""

    def __init__(self, where, layers, compress=gzip.compress, **config):
        self.dir = pathlib.Path(where)
        (self.dir / "blobs/sha256").mkdir(parents=True)
        (self.dir / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self.config = {"architecture": ARCH, "os": "linux", "config": config,
                       "rootfs": {"type": "layers", "diff_ids": [digest(l) for l in layers]}}
        self.layers = [self.blob(compress(l), OCI + "layer.v1.tar+gzip") for l in layers]
        self.annotations = {}
        self.extra = []

    def path(self, name):
        return self.dir / "blobs/sha256" / name.split(":")[1]

    def blob(self, data, kind):
        self.path(digest(data)).write_bytes(data)
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    def document(self, value, kind):
        return self.blob(json.dumps(value).encode(), OCI + kind)

    def manifest(self):
        return {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": self.document(self.config, "config.v1+json"),
                "layers": self.layers}

    def write(self, manifest=None, **entry):
        self.entry = dict(self.document(manifest or self.manifest(), "manifest.v1+json"), **entry)
        return self.index([self.entry])

    def index(self, entries):
        (self.dir / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
        return "oci:" + str(self.dir)


class Place:
    """A directory with a store, gone afterwards."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp())
        self.store = self.dir / "store"

    def image(self, *args, **kw):
        return subprocess.run([callgate, "image", "--store=%s" % self.store, *args], stdin=kw.pop("stdin", subprocess.DEVNULL),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **kw)

    def snapshot(self):
        return sorted(str(p) for p in self.store.rglob("*")) if self.store.exists() else []

    def pulls(self, reference):
        run = self.image("pull", "--format=json", reference)
        assert run.returncode == 0, run.stderr
        assert not list((self.store / "tmp").iterdir()), "left in tmp/"
        return json.loads(run.stdout)

    def refuses(self, reference, why):
        self.image("ls")
        before = self.snapshot()
        run = self.image("pull", reference)
        assert run.returncode == 2, "taken: " + run.stdout
        assert why in run.stderr, "'%s' is not in: %s" % (why, run.stderr)
        assert len(run.stderr.splitlines()) == 1, run.stderr
        assert self.snapshot() == before, "the store changed"


def two_layers(p, **config):
    return Layout(p.dir / "layout", [layer(("etc", None), ("etc/a", "lower"), ("etc/b", "b")), layer(("etc/.wh.b", ""), ("etc/a", "upper"))],
                  **config)


@test
def a_layout_is_unpacked(p):
    got = p.pulls(two_layers(p, Entrypoint=["/bin/sh"], Cmd=["-c", "x"], Env=["A=b"], User="1:2", WorkingDir="/w", StopSignal="SIGINT",
                             Labels={"k": "v"}).write())
    assert got["entrypoint"] == ["/bin/sh"] and got["cmd"] == ["-c", "x"] and got["env"] == ["A=b"], got
    assert got["user"] == "1:2" and got["workdir"] == "/w" and got["labels"] == ["k=v"], got
    top, low = map(pathlib.Path, got["layers"])
    assert (top / "etc/a").read_text() == "upper" and (low / "etc/a").read_text() == "lower"
    assert (top / "etc/b").is_char_device(), "no whiteout"


@test
def tags_choose(p):
    one, two = two_layers(p), None
    first = dict(one.document(one.manifest(), "manifest.v1+json"), annotations={"org.opencontainers.image.ref.name": "one"})
    one.config["config"] = {"Cmd": ["two"]}
    two = dict(one.document(one.manifest(), "manifest.v1+json"), annotations={"org.opencontainers.image.ref.name": "two"})
    where = one.index([first, two])
    assert p.pulls(where + ":two")["cmd"] == ["two"]
    assert p.pulls(where + ":one")["cmd"] == []
    p.refuses(where + ":three", "no image 'three' (but: one, two)")
    p.refuses(where, "name one of one, two")


@test
def platforms_choose(p):
    l = two_layers(p)
    l.config["config"] = {"Cmd": ["mine"]}
    mine = dict(l.document(l.manifest(), "manifest.v1+json"), platform={"architecture": ARCH, "os": "linux"})
    l.config["architecture"] = "pdp11"
    other = dict(l.document(l.manifest(), "manifest.v1+json"), platform={"architecture": "pdp11", "os": "linux"})
    windows = dict(mine, platform={"architecture": ARCH, "os": "windows"})
    assert p.pulls(l.index([windows, other, mine]))["cmd"] == ["mine"]
    nested = l.document({"schemaVersion": 2, "manifests": [other, mine]}, "index.v1+json")
    assert p.pulls(l.index([nested]))["cmd"] == ["mine"]
    p.refuses(l.index([other, windows]), "no image for linux/")
    p.refuses(l.index([dict(other, platform=None)]), "the image is for linux/pdp11")


@test
def an_index_that_leads_nowhere_ends(p):
    l = two_layers(p)
    at = l.document(l.manifest(), "manifest.v1+json")
    for _ in range(5):
        at = l.document({"schemaVersion": 2, "manifests": [at]}, "index.v1+json")
    p.refuses(l.index([at]), "its indexes lead to more than")


@test
def wrong_bytes_are_refused(p):
    for what in ("layer", "config", "manifest"):
        for why in ("digest", "size"):
            l = Layout(p.dir / ("%s-%s" % (what, why)), [layer(("a", "a"))])
            where = l.write()
            target = l.path({"layer": l.layers[0], "config": l.manifest()["config"], "manifest": l.entry}[what]["digest"])
            data = bytearray(target.read_bytes())
            if why == "digest":
                data[-1] ^= 1
            else:
                data.append(0)
            target.write_bytes(bytes(data))
            p.refuses(where, "has another %s than its image says" % why)


@test
def a_wrong_diff_id_is_refused(p):
    l = two_layers(p)
    l.config["rootfs"]["diff_ids"][0] = digest(b"something else")
    l.layers = l.layers[:1]
    l.config["rootfs"]["diff_ids"] = l.config["rootfs"]["diff_ids"][:1]
    p.refuses(l.write(), "not what the image's config says")


@test
def a_refused_layer_leaves_no_reference(p):
    l = Layout(p.dir / "layout", [layer(("good", "x")), layer(("../bad", "x"))])
    run = p.image("pull", l.write())
    assert run.returncode == 2 and "layer 2 of 2" in run.stderr and "leads out" in run.stderr, run.stderr
    assert not list((p.store / "refs").iterdir()) and not list((p.store / "configs").iterdir()) and not list((p.store / "tmp").iterdir())
    assert not (p.dir / "bad").exists() and not (p.store / "layers/bad").exists()


@test
def what_cannot_be_run_is_refused(p):
    l = two_layers(p)
    m = l.manifest()
    bad = [
        (dict(m, schemaVersion=1), "schema 1"),
        (dict(m, schemaVersion=3), "unknown schema"),
        (dict(m, layers=[dict(l.layers[0], mediaType=OCI + "layer.v1.tar+gzip+encrypted")]), "encrypted"),
        (dict(m, layers=[dict(l.layers[0], mediaType="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")]), "kept elsewhere"),
        (dict(m, layers=[dict(l.layers[0], mediaType=OCI + "layer.v1.tar+xz")]), "unknown kind"),
        (dict(m, layers=[dict(l.layers[0], digest="sha512:" + "0" * 128)]), "SHA-512"),
        (dict(m, layers=[dict(l.layers[0], digest="sha256:../../../etc/passwd")]), "no digest"),
        (dict(m, layers=[dict(l.layers[0], digest="sha256:" + "A" * 64)]), "no digest"),
        (dict(m, layers=[dict(l.layers[0], size=-1)]), "no size"),
        (dict(m, layers=[dict(l.layers[0], size="1")]), "'size' is a string"),
        (dict(m, layers=[dict(l.layers[0], digest=digest(b"gone"))] * 2), "there is no"),
        (dict(m, layers=l.layers[:1]), "its manifest has 1 layers, its config 2"),
        (dict(m, layers=[l.layers[0]] * 600), "more than 512 layers"),
        (dict(m, layers={}), "'layers' is an object"),
        (dict(m, artifactType="application/x"), "not an image that can run"),
        (dict(m, config=dict(m["config"], mediaType="application/json")), "not that of an image"),
    ]
    for manifest, why in bad:
        p.refuses(l.write(manifest), why)
    (l.dir / "index.json").write_text("[]")
    p.refuses("oci:%s" % l.dir, "not an object")
    (l.dir / "index.json").write_text('{"manifests": [' + "[" * 100)
    p.refuses("oci:%s" % l.dir, "image index")
    (l.dir / "oci-layout").unlink()
    p.refuses("oci:%s" % l.dir, "not an OCI layout")


@test
def configs_are_checked(p):
    for change, why in [({"os": "windows"}, "not for linux"), ({"rootfs": {"type": "tree", "diff_ids": []}}, "unknown kind 'tree'"),
                        ({"rootfs": {"type": "layers", "diff_ids": []}}, "no layers"), ({"config": {"Env": [1]}}, "'Env' has a number"),
                        ({"config": {"Labels": {"a": []}}}, "the label 'a'"), ({"rootfs": None}, "no 'rootfs'")]:
        l = Layout(p.dir / "layout", [layer(("a", "a"))])
        l.config.update(change)
        p.refuses(l.write(), why)
        shutil.rmtree(p.dir / "layout")


@test
def blobs_are_files_of_the_layout(p):
    l = two_layers(p)
    where = l.write()
    target = l.path(l.layers[0]["digest"])
    (p.dir / "elsewhere").write_bytes(target.read_bytes())
    target.unlink()
    target.symlink_to(p.dir / "elsewhere")
    p.refuses(where, "symbolic link")
    target.unlink()
    os.mkfifo(target)
    p.refuses(where, "no regular file")


@test
def packers_are_told_by_content(p):
    l = Layout(p.dir / "layout", [layer(("a", "plain"))], compress=bytes)  # said to be gzip, but is none
    got = p.pulls(l.write())
    assert (pathlib.Path(got["layers"][0]) / "a").read_text() == "plain"


@test
def a_layer_that_occurs_twice_is_mounted_once(p):
    one, two = layer(("a", "one")), layer(("a", "two"))
    got = p.pulls(Layout(p.dir / "layout", [one, two, one]).write())
    assert len(got["layers"]) == 2 and (pathlib.Path(got["layers"][0]) / "a").read_text() == "one", got["layers"]


def saved(where, layers, links=False, config=None, tags=("busybox:latest",)):
    """What docker save wrote for years: ID/layer.tar, HASH.json, manifest.json."""
    config = json.dumps(config or {"architecture": ARCH, "os": "linux", "config": {"Cmd": ["saved"]},
                                   "rootfs": {"type": "layers", "diff_ids": [digest(l) for l in layers]}}).encode()
    name = digest(config).split(":")[1] + ".json"
    with tarfile.open(where, "w") as tar:
        def add(path, data):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for i, data in enumerate(layers):
            info = tarfile.TarInfo("%064d" % i)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
            if links and i > 0 and data == layers[0]:
                info = tarfile.TarInfo("%064d/layer.tar" % i)
                info.type, info.linkname = tarfile.SYMTYPE, links if isinstance(links, str) else "../%064d/layer.tar" % 0
                tar.addfile(info)
            else:
                add("%064d/layer.tar" % i, data)
        add(name, config)
        add("manifest.json", json.dumps([{"Config": name, "RepoTags": list(tags), "Layers": ["%064d/layer.tar" % i for i in range(len(layers))]}]).encode())
    return "docker-archive:%s" % where


@test
def docker_archives_are_unpacked(p):
    one, two = layer(("a", "one")), layer(("b", "two"))
    got = p.pulls(saved(p.dir / "s.tar", [one, two, one], links=True))
    assert got["cmd"] == ["saved"] and len(got["layers"]) == 2, got
    assert p.pulls("docker-archive:%s:busybox:latest" % (p.dir / "s.tar"))["digest"] == got["digest"]
    p.refuses("docker-archive:%s:other" % (p.dir / "s.tar"), "no image 'other'")
    packed = p.dir / "s.tar.gz"
    packed.write_bytes(gzip.compress((p.dir / "s.tar").read_bytes()))
    assert p.pulls("docker-archive:%s" % packed)["digest"] == got["digest"]


@test
def links_in_archives_lead_nowhere(p):
    one = layer(("a", "one"))
    (p.dir / "secret.tar").write_bytes(one)
    for link in (str(p.dir / "secret.tar"), "../../../secret.tar", "../../secret.tar", "/etc/passwd"):
        run = p.image("pull", saved(p.dir / "s.tar", [one, one], links=link, config={
            "architecture": ARCH, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest(layer(("x", "x"))), digest(one)]}}))
        assert run.returncode == 2, run.stdout
        run = p.image("ls", "--format=json")
        assert run.stdout == ""


@test
def what_is_no_docker_archive_is_said(p):
    (p.dir / "r.tar").write_bytes(layer(("a", "a")))
    p.refuses("docker-archive:%s" % (p.dir / "r.tar"), "no image that docker saved")
    (p.dir / "t.tar").write_bytes(layer(("../escape", "a")))
    p.refuses("docker-archive:%s" % (p.dir / "t.tar"), "leads out")
    p.refuses("docker-archive:/nowhere.tar", "No such file")
    p.refuses("docker-archive:%s" % saved(p.dir / "u.tar", [layer(("a", "a"))], config={
        "architecture": ARCH, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest(b"x")]}}).split(":", 1)[1], "diff id")


@test
def skopeo_says_the_same(p):
    if shutil.which("skopeo") is None:
        return "skopeo is not installed"
    got = p.pulls(two_layers(p, Cmd=["x"]).write())
    subprocess.run(["skopeo", "--insecure-policy", "copy", "--quiet", "oci:%s" % (p.dir / "layout"), "docker-archive:%s:x/y:z" % (p.dir / "d.tar")],
                   check=True, stdout=subprocess.DEVNULL)
    again = p.pulls("docker-archive:%s" % (p.dir / "d.tar"))
    assert again["layers"] == got["layers"] and again["cmd"] == ["x"], again
    return None


@test
def registries_need_skopeo(p):
    p.image("ls")
    run = p.image("pull", "docker://localhost:1/none", env=dict(os.environ, PATH="/nowhere"))
    assert run.returncode == 2 and "needs skopeo" in run.stderr, run.stderr
    fake = p.dir / "bin"
    fake.mkdir()
    (fake / "skopeo").write_text("#!/bin/sh\necho \"$@\" >'%s/args'\necho 'the registry said no' >&2\nexit 1\n" % p.dir)
    (fake / "skopeo").chmod(0o755)
    run = p.image("pull", "docker://busybox", env=dict(os.environ, PATH="%s:/usr/bin:/bin" % fake))
    assert run.returncode == 2 and "the registry said no" in run.stderr, run.stderr
    assert (p.dir / "args").read_text().split()[-2:] == ["docker://docker.io/library/busybox:latest", "oci:layout:image"]
    two_layers(p, Cmd=["fetched"]).write(annotations={"org.opencontainers.image.ref.name": "image"})
    (fake / "skopeo").write_text("#!/bin/sh\nexec cp -r '%s/layout' layout\n" % p.dir)
    run = p.image("pull", "--format=json", "docker://busybox", env=dict(os.environ, PATH="%s:/usr/bin:/bin" % fake))
    assert run.returncode == 0 and json.loads(run.stdout)["image"] == "docker.io/library/busybox:latest", run.stderr
    assert p.pulls("busybox")["cmd"] == ["fetched"]  # by its short name, without skopeo
    for name in ("-x", "../x", "a b", "x;y", ""):
        p.refuses("docker://" + name, "no name of an image")


@test
def two_at_once_make_one(p):
    l = Layout(p.dir / "layout", [layer(*[("f%d" % i, "x" * 1000) for i in range(300)])])
    where = l.write()
    runs = [subprocess.Popen([callgate, "image", "--store=%s" % p.store, "pull", where], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    for run in runs:
        _, err = run.communicate()
        assert run.returncode == 0, err
    assert len(list((p.store / "layers").glob("sha256-*[0-9a-f]"))) >= 1 and not list((p.store / "tmp").iterdir())
    assert len(p.pulls(where)["layers"]) == 1


@test
def a_killed_pull_leaves_nothing_for_long(p):
    run = subprocess.Popen([callgate, "image", "--store=%s" % p.store, "import", "-", "x"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    run.stdin.write(layer(("a", "a" * 500000))[:300000])
    run.stdin.flush()
    for _ in range(200):
        if list((p.store / "tmp").glob("*/a")):
            break
        time.sleep(0.05)
    assert list((p.store / "tmp").glob("*/a")), "not started"
    busy = p.image("rm", "x")
    assert busy.returncode == 2
    run.send_signal(signal.SIGKILL)
    run.wait()
    for _ in range(100):  # the boxes die with it
        p.image("ls")
        if not list((p.store / "tmp").iterdir()):
            break
        time.sleep(0.05)
    assert not list((p.store / "tmp").iterdir())
    run.stdin.close() if not run.stdin.closed else None


@test
def removing_keeps_what_others_need(p):
    one, two = layer(("a", "one")), layer(("b", "two"))
    a = p.pulls(Layout(p.dir / "a", [one, two]).write())
    b = p.pulls(Layout(p.dir / "b", [one]).write())
    assert p.image("rm", a["image"]).returncode == 0
    assert [l for l in a["layers"] if os.path.exists(l)] == b["layers"]
    assert p.image("rm", "oci:%s" % (p.dir / "b")).returncode == 0
    assert not [f for d in ("layers", "configs", "refs", "tmp") for f in (p.store / d).iterdir()]


@test
def a_changed_store_is_noticed(p):
    got = p.pulls(Layout(p.dir / "a", [layer(("a", "a"))]).write())
    config = p.store / "configs" / got["digest"].replace(":", "-")
    text = config.read_text()
    config.write_text(text.replace("linux", "linuX"))
    assert "was changed" in p.image("ls").stderr
    config.write_text(text)
    p.store.chmod(0o777)
    assert "not fit for images" in p.image("ls").stderr
    p.store.chmod(0o700)
    shutil.rmtree(got["layers"][0])
    assert "pull it again" in p.image("ls").stderr
    assert p.image("rm", got["image"]).returncode == 0
    assert p.image("ls").stderr == ""


@test
def without_root_all_of_it_works(p):
    if os.geteuid() != 0:
        return "is what all other tests did"
    def other():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    if subprocess.run(["unshare", "--user", "true"], preexec_fn=other, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        return "others may not make user namespaces here"
    where = two_layers(p).write()
    p.dir.chmod(0o777)
    run = p.image("pull", "--format=json", where, preexec_fn=other)
    assert run.returncode == 0, run.stderr
    top = pathlib.Path(json.loads(run.stdout)["layers"][0])
    assert (top / "etc/b").is_char_device() and (top / "etc/a").stat().st_uid == 65534
    run = p.image("rm", where, preexec_fn=other)
    assert run.returncode == 0 and not list((p.store / "layers").iterdir()), run.stderr
    return None


def main():
    print("1..%d" % len(tests))
    bad = 0
    for i, function in enumerate(tests, 1):
        place = Place()
        name = function.__name__.replace("_", " ")
        try:
            skipped = function(place)
            print("ok %d - %s%s" % (i, name, " # SKIP " + skipped if skipped else ""), flush=True)
        except Exception as trouble:  # pylint: disable=broad-except
            bad += 1
            line = trouble.__traceback__.tb_next.tb_lineno if trouble.__traceback__.tb_next else 0
            print("not ok %d - %s\n# line %d: %s" % (i, name, line, str(trouble).replace("\n", "\n# ")), flush=True)
        finally:
            shutil.rmtree(place.dir, ignore_errors=True)
    return 1 if bad else 0


sys.exit(main())
