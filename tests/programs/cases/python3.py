"""What Python programs do all day; every part asserts what it got."""
import array
import asyncio
import concurrent.futures
import ctypes
import fcntl
import http.server
import mmap
import multiprocessing
import multiprocessing.shared_memory
import os
import pty
import resource
import select
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request


def threads():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda n: n * n, range(100))) == 328350


def processes():
    assert subprocess.run(["sh", "-c", "cat; exit 3"], input=b"x", capture_output=True, check=False).returncode == 3
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(abs, range(-5, 0)) == [5, 4, 3, 2, 1]
    process = multiprocessing.get_context("spawn").Process(target=print)
    process.start()
    process.join()
    assert process.exitcode == 0
    pid = os.posix_spawn("/bin/true", ["true"], os.environ)
    descriptor = os.pidfd_open(pid)
    select.select([descriptor], [], [], 5)
    assert os.waitpid(pid, 0)[1] == 0


def shared():
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=4096)
    memory.buf[0] = 7
    memory.close()
    memory.unlink()
    with mmap.mmap(-1, 1 << 20) as area:
        area.madvise(mmap.MADV_DONTNEED)
    descriptor = os.memfd_create("m", os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, 4096)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    os.close(descriptor)


def sockets():
    left, right = socket.socketpair()
    socket.send_fds(left, [b"f"], [0])
    assert len(socket.recv_fds(right, 1, 1)[1]) == 1
    with socket.socket(socket.AF_INET6) as six:
        six.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as route:
        route.bind((0, 0))
    assert socket.if_nameindex()
    assert socket.getaddrinfo("localhost", 80)
    ssl.create_default_context()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    server.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=server.serve_forever).start()
    with urllib.request.urlopen("http://127.0.0.1:%d/said" % server.server_port) as answer:
        assert answer.status == 200
    server.shutdown()


def events():
    async def main():
        async def serve(reader, writer):
            writer.write(await reader.read(5))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello")
        assert await reader.read(5) == b"hello"
        child = await asyncio.create_subprocess_exec("echo", "hi", stdout=subprocess.PIPE)
        assert (await child.communicate())[0] == b"hi\n"
        await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.01), 5)
        server.close()

    asyncio.run(main())
    got = []
    signal.signal(signal.SIGALRM, lambda *_: got.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()
    assert got


def foreign():
    libc = ctypes.CDLL(None, use_errno=True)
    numbers = array.array("i", [3, 1, 2])
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    address, _ = numbers.buffer_info()
    libc.qsort(ctypes.c_void_p(address), 3, 4, compare(lambda a, b: a[0] - b[0]))
    assert list(numbers) == [1, 2, 3]
    assert libc.getpid() == os.getpid()


def files():
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(os.path.join(folder, "db"))
        database.execute("pragma journal_mode = wal")
        database.execute("create table t (a)")
        database.executemany("insert into t values (?)", [(i,) for i in range(1000)])
        database.commit()
        assert database.execute("select sum(a) from t").fetchone()[0] == 499500
        database.close()
        with open(os.path.join(folder, "a"), "wb+") as a, open(os.path.join(folder, "b"), "wb") as b:
            a.write(b"x" * 100000)
            a.flush()
            fcntl.lockf(a, fcntl.LOCK_EX)
            assert os.copy_file_range(a.fileno(), b.fileno(), 50000, 0) > 0
            assert os.sendfile(b.fileno(), a.fileno(), 0, 100) > 0
            os.posix_fallocate(b.fileno(), 0, 200000)
            os.fsync(b.fileno())
        try:
            os.setxattr(folder, "user.note", b"1")
            assert os.listxattr(folder) == ["user.note"]
        except OSError as error:
            assert error.errno == 95, error  # a file system without them
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    os.nice(1)
    assert os.getrandom(8)


def terminal():
    pid, descriptor = pty.fork()
    if pid == 0:
        os.execvp("stty", ["stty", "size"])
    data = os.read(descriptor, 100)
    assert data.split() == [b"0", b"0"], data
    assert os.waitpid(pid, 0)[1] == 0


PARTS = [threads, processes, shared, sockets, events, foreign, files, terminal]
if __name__ == "__main__":
    for part in PARTS:
        print(part.__name__, flush=True)
        part()
    print(", ".join(part.__name__ for part in PARTS))
    sys.exit(0)
