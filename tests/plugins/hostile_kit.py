"""Twenty-five hostile programs, and a world outside the sandbox in which they can do harm.

Each passes its test only if it has done what it must not. So that nothing is broken where a wall is missing, what it
kills is first a bystander of ours, and what it starts by the hundred ends by itself.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from harness_metrics.sandbox import Limits, Outcome, Program, run

LIMITS = Limits(processor_seconds=1, wall_seconds=3.0, memory_mb=256)
SECRET = "sk-of-the-harness-7f3a"
MARK = "harness-hostile"
"""In the name of all that is written where it must not be."""

_PRELUDE = """
import os
harm = []
def tried(what, *arguments, **options):
    # whatever is refused goes on to the next attempt
    try:
        harm.append(what(*arguments, **options))
    except Exception:
        pass
"""

HOSTILE: dict[str, str] = {
    "a fork bomb": """
def fork():
    if os.fork() == 0:
        import time
        time.sleep(2)
        os._exit(0)
for _ in range(200):
    tried(fork)
import ctypes
for name in ("fork", "vfork"):
    if getattr(ctypes.CDLL(None), name)() >= 0:
        harm.append(name)
""",
    "a thread bomb": """
import threading, time
threading.stack_size(32768)
for _ in range(5000):
    threading.Thread(target=time.sleep, args=(3,), daemon=True).start()
time.sleep(2)
harm.append("five thousand threads")
""",
    "a memory bomb": """
import mmap
def more(kind):
    kept = []
    for _ in range(40):
        kept.append(kind(64 << 20))
    return "2.5 GB"
tried(more, bytearray)
tried(more, lambda size: [0] * (size // 8))
tried(more, lambda size: mmap.mmap(-1, size))
""",
    "a file that fills the disk": """
def fill():
    with open("filled", "wb", buffering=0) as file:
        for _ in range(64):
            if file.write(bytes(8 << 20)) < 8 << 20:
                raise OSError
    return "512 MB"
tried(fill)
tried(lambda: open("sparse", "wb").truncate(1 << 40))
tried(lambda: os.posix_fallocate(os.open("reserved", os.O_CREAT | os.O_WRONLY), 0, 1 << 36))
""",
    "many files that fill the disk": """
for number in range(900):
    with open(str(number), "wb") as file:
        file.write(bytes(1 << 20))
harm.append("900 MB")
""",
    "folders without end": """
for _ in range(5000):
    os.mkdir("d")
    os.chdir("d")
harm.append("five thousand levels")
""",
    "a TCP connection": """
import socket
tried(socket.create_connection, ("127.0.0.1", TCP), 1)
tried(lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM).connect(("::1", TCP)))
tried(lambda: socket.create_server(("127.0.0.1", 0)))
""",
    "datagrams and names": """
import socket
tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", UDP)))
tried(socket.getaddrinfo, "example.com", 80)
tried(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"x", "\\0" + ABSTRACT))
tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
""",
    "unix sockets": """
import socket
for address in (UNIX, "\\0" + ABSTRACT):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        tried(lambda: socket.socket(socket.AF_UNIX, kind).connect(address))
tried(lambda: socket.socket(socket.AF_UNIX).bind("mine"))
ours, theirs = socket.socketpair()
tried(ours.connect, UNIX)
tried(lambda: ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, b"\\0\\0\\0\\0")]))
""",
    "the web": """
import urllib.request
for address in ("http://example.com/", "http://93.184.215.14/", "http://169.254.169.254/latest/meta-data/"):
    tried(urllib.request.urlopen, address, timeout=1)
""",
    "signals to others": """
import fcntl, resource, signal
def send(process):
    os.kill(process, signal.SIGKILL)
    return process
for process in (BYSTANDER, PARENT, -1):
    if harm:
        break
    tried(send, process)
tried(os.killpg, BYSTANDER, signal.SIGKILL)
tried(os.pidfd_open, BYSTANDER)
tried(fcntl.fcntl, os.pipe()[0], fcntl.F_SETOWN, BYSTANDER)
tried(resource.prlimit, BYSTANDER, resource.RLIMIT_CPU, (0, 0))
tried(os.sched_setaffinity, BYSTANDER, {0})
tried(os.setpriority, os.PRIO_PROCESS, BYSTANDER, 19)
""",
    "signals that are ignored": """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, lambda *_: None)
    except (OSError, ValueError):
        pass
while True:
    pass
""",
    "secrets": """
import glob, pathlib
read = lambda path: open(path, "rb").read(1)
for path in (SECRET_FILE, "/etc/shadow", "/etc/passwd", "/proc/1/environ", "/proc/self/environ", "/dev/mem"):
    tried(read, path)
for folder in (HOME, "/root", "/home", "/etc", "/proc", "/tmp", "/var", "..", "/"):
    tried(os.listdir, folder)
if any(KEY in value for value in os.environ.values()) or "HARNESS_SECRET" in os.environ:
    harm.append("the key")
""",
    "the record": """
import sqlite3
tried(lambda: open(RECORD, "rb").read(1))
tried(lambda: open(RECORD, "r+b"))
tried(lambda: sqlite3.connect(f"file:{RECORD}?mode=ro", uri=True).execute("SELECT * FROM sqlite_master").fetchall())
tried(os.truncate, RECORD, 0)
tried(os.open, RECORD, os.O_RDONLY | os.O_TRUNC)
tried(os.open, RECORD, 3 | os.O_TRUNC)
""",
    "changes outside its folder": """
import shutil
tried(lambda: open(f"{WORLD}/{MARK}", "w"))
tried(os.mkdir, f"{WORLD}/{MARK}")
tried(os.rename, RECORD, f"{WORLD}/{MARK}")
tried(os.rename, RECORD, "mine")
tried(os.replace, SECRET_FILE, RECORD)
tried(os.unlink, RECORD)
tried(os.rmdir, f"{WORLD}/empty")
tried(os.chmod, RECORD, 0o777)
tried(os.chown, RECORD, 0, 0)
tried(os.utime, RECORD, (0, 0))
tried(os.setxattr, RECORD, "user.x", b"x")
tried(os.mkfifo, f"{WORLD}/{MARK}")
tried(os.open, WORLD, os.O_TMPFILE | os.O_WRONLY)
for path in (os.__file__, os.path.dirname(os.__file__)):
    tried(os.chmod, path, os.stat(path).st_mode)
tried(os.open, os.__file__, os.O_WRONLY)
""",
    "links that lead outside": """
tried(lambda: os.symlink(RECORD, "link"))
tried(lambda: os.symlink("..", "up"))
harm.clear()  # a link alone does no harm
tried(lambda: open("link").read())
tried(lambda: open("link", "w"))
tried(os.listdir, "up")
tried(os.link, RECORD, "hard")
folder = os.open(".", os.O_RDONLY)
tried(lambda: os.open("../../empty", os.O_RDONLY, dir_fd=folder))
tried(lambda: os.listdir(os.open("..", os.O_PATH)))
tried(os.chroot, ".")
""",
    "a look into other processes": """
import ctypes
for process in (PARENT, BYSTANDER, os.getpid()):
    for name in ("environ", "mem", "maps", "cmdline", "fd", "root/etc/passwd", "cwd/x"):
        tried(lambda: os.open(f"/proc/{process}/{name}", os.O_RDONLY))
for process in (PARENT, BYSTANDER):
    for name in ("exe", "cwd", "root"):
        tried(os.readlink, f"/proc/{process}/{name}")
libc = ctypes.CDLL(None)
ATTACH, SEIZE = 16, 0x4206
for request in (ATTACH, SEIZE):
    if libc.ptrace(request, BYSTANDER, None, None) >= 0:
        harm.append("ptrace")
buffer = ctypes.create_string_buffer(8)
vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
if libc.process_vm_readv(BYSTANDER, vector, 1, vector, 1, 0) >= 0:
    harm.append("process_vm_readv")
""",
    "output without end": """
import sys
while True:
    for stream in (1, 2):
        os.write(stream, bytes(1 << 16))
""",
    "descriptors": """
for number in range(3, 256):
    tried(lambda: os.write(number, b"tested\\n" * 1000))
    tried(lambda: os.dup2(1, number))
harm.clear()
os.closerange(0, 256)
while True:
    pass
""",
    "a daemon": """
import time
def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1)
            open(f"{WORLD}/{MARK}", "w").write("late")
        os._exit(0)
    return "a daemon"
tried(daemon)
tried(os.setsid)
""",
    "sleep without end": """
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True:
    time.sleep(1000)
""",
    "a crash": """
import ctypes, sys
sys.setrecursionlimit(1 << 30)
def deeper(*_):
    return sorted([1], key=deeper)
deeper()
ctypes.string_at(0)
harm.append("it lives")
""",
    "raw system calls": """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
NAMESPACES = 0x10000000, 0x00020000, 0x20000000, 0x40000000
for flag in NAMESPACES:
    tried(lambda: libc.unshare(flag))
tried(lambda: libc.mount(b"none", b".", b"tmpfs", 0, None))
tried(lambda: libc.setns(0, 0))
tried(lambda: libc.setuid(0))
tried(lambda: libc.setresuid(0, 0, 0))
tried(lambda: libc.personality(0))
tried(lambda: libc.prctl(1, 0, 0, 0, 0))
tried(lambda: libc.memfd_create(b"x", 0))
tried(lambda: libc.shmget(0, 4096, 0o1600))
tried(lambda: libc.mlockall(1))
tried(lambda: libc.swapoff(b"/swap"))
tried(lambda: libc.sethostname(b"x", 1))
tried(lambda: libc.klogctl(3, None, 0))
tried(lambda: libc.inotify_init())
IO_URING_SETUP, PIDFD_OPEN, CLONE3, OPENAT2, UNKNOWN = 425, 434, 435, 437, 460
for number in (IO_URING_SETUP, PIDFD_OPEN, CLONE3, OPENAT2, UNKNOWN):
    tried(lambda: libc.syscall(number, BYSTANDER, 0, 0, 0))
harm = [result for result in harm if result != -1]
""",
    "other programs": """
import multiprocessing, pty, subprocess, sys
tried(subprocess.run, ["/bin/sh", "-c", "id"])
tried(subprocess.run, [sys.executable, "-c", ""])
tried(os.system, "true")
tried(os.popen, "id")
tried(os.posix_spawn, "/bin/true", ["true"], {})
tried(multiprocessing.Pool, 2)
tried(os.execv, "/bin/true", ["true"])
tried(pty.fork)
harm = [result for result in harm if result != -1 and result != 32512]
""",
    "shared memory and other folders": """
import multiprocessing.shared_memory as shared
tried(shared.SharedMemory, MARK, True, 1 << 20)
for folder in ("/dev/shm", "/tmp", "/var/tmp", "/run", "/dev", os.path.dirname(os.__file__), "/usr/lib"):
    tried(lambda: open(f"{folder}/{MARK}", "wb"))
""",
}


@dataclass
class World:
    """What a hostile program could harm, and how to see that it has not."""

    folder: Path
    record: Path
    secret: Path
    scratch: Path
    """Where the sandbox makes its folders."""
    listeners: dict[str, socket.socket]
    bystander: subprocess.Popen[bytes]
    before: dict[str, object] = field(default_factory=dict)
    descriptors: int = 0
    processes: set[int] = field(default_factory=set)

    def run(self, name: str) -> Outcome:
        """What became of this hostile program."""
        return run(Program(_PRELUDE + self._addresses() + HOSTILE[name], ("assert harm",)), LIMITS)

    def harm(self) -> list[str]:
        """All that is not as it was; empty if nothing has happened."""
        now = self._seen()
        found = [what for what in now if now[what] != self.before.get(what)]
        found += [what for what in self.before if what not in now]
        found += [f"something reached {name}" for name, listener in self.listeners.items() if _was_reached(listener)]
        found += ["a folder is left"] if any(self.scratch.iterdir()) else []
        found += ["the bystander is dead"] if self.bystander.poll() is not None else []
        found += [f"process {pid} is left" for pid in self._processes() - self.processes]
        found += ["descriptors are left open"] if len(_names("/proc/self/fd")) > self.descriptors else []
        return found

    def begin(self) -> None:
        """From now on nothing may change."""
        self.before = self._seen()
        self.processes = self._processes()
        self.descriptors = len(_names("/proc/self/fd"))

    def _seen(self) -> dict[str, object]:
        paths = [path for path in self.folder.rglob("*") if self.scratch not in (path, *path.parents)]
        paths += [Path(os.__file__), Path(os.__file__).parent]
        seen: dict[str, object] = {}
        for path in paths:
            facts = path.lstat()
            content = path.read_bytes() if path.is_file() and path.parent == self.folder else None
            seen[str(path)] = (facts.st_mode, facts.st_uid, facts.st_size, facts.st_mtime_ns, facts.st_nlink, content)
        for place in ("/tmp", "/dev/shm", "/var/tmp", "/run", "/dev", "/usr/lib"):
            seen[f"{MARK} in {place}"] = [name for name in _names(place) if MARK in name]
        return seen

    def _processes(self) -> set[int]:
        """Our children, and all that work in the sandbox's folders."""
        found = set()
        for pid in (int(name) for name in _names("/proc") if name.isdecimal()):
            with contextlib.suppress(OSError, ValueError):
                parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
                if parent == os.getpid() or str(self.scratch) in _working_folder(pid):
                    found.add(pid)
        return found

    def _addresses(self) -> str:
        known = {
            "TCP": self.listeners["TCP"].getsockname()[1],
            "UDP": self.listeners["UDP"].getsockname()[1],
            "UNIX": self.listeners["unix"].getsockname(),
            "ABSTRACT": self.listeners["abstract"].getsockname()[1:].decode(),
            "PARENT": os.getpid(),
            "BYSTANDER": self.bystander.pid,
            "RECORD": str(self.record),
            "SECRET_FILE": str(self.secret),
            "KEY": SECRET[:8],
            "HOME": str(Path.home()),
            "WORLD": str(self.folder),
            "MARK": MARK,
        }
        return "".join(f"{name} = {value!r}\n" for name, value in known.items())


@contextlib.contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """A record, a secret, listeners, a bystander and an environment with a key in it."""
    record, secret, scratch = folder / "harness.db", folder / "token", folder / "scratch"
    record.write_bytes(b"every answer of every run")
    secret.write_text(SECRET)
    scratch.mkdir()
    (folder / "empty").mkdir()
    with contextlib.ExitStack() as stack:
        listeners = {
            "TCP": stack.enter_context(socket.create_server(("127.0.0.1", 0))),
            "UDP": stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
            "unix": stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)),
            "abstract": stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)),
        }
        listeners["UDP"].bind(("127.0.0.1", 0))
        listeners["unix"].bind(str(folder / "listener"))
        listeners["unix"].listen()
        listeners["abstract"].bind(f"\0harness-{os.getpid()}")
        bystander = subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=True
        )
        stack.callback(bystander.wait)
        stack.callback(bystander.kill)
        stack.enter_context(mock.patch.dict(os.environ, {"HARNESS_SECRET": SECRET}))
        stack.enter_context(mock.patch.object(tempfile, "tempdir", str(scratch)))
        world = World(folder, record, secret, scratch, listeners, bystander)
        world.begin()
        yield world


def resident_megabytes() -> float:
    """What this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _was_reached(listener: socket.socket) -> bool:
    listener.setblocking(False)
    try:
        listener.accept() if listener.type == socket.SOCK_STREAM else listener.recv(1)
    except BlockingIOError:
        return False
    return True


def _working_folder(pid: int) -> str:
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/{pid}/cwd").readlink())
    return ""


def _names(folder: str) -> list[str]:
    return [path.name for path in Path(folder).iterdir()]
