#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes system calls with known arguments and compares what the sensor reports, parameter by parameter.

Prints TAP. Needs root and BTF; otherwise everything is skipped visibly.
"""
import ctypes
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BUILD", "build")
LIVE = os.path.join(BUILD, "agent/tests/live_events")
AT_FDCWD = -100
START = os.getcwd()
libc = ctypes.CDLL(None, use_errno=True)
NR = dict(openat2=437, setresuid=117, memfd_create=319, pidfd_open=434, pidfd_getfd=438, userfaultfd=323,
          io_uring_setup=425, renameat=264, renameat2=316, unshare=272, setns=308, finit_module=313,
          init_module=175, delete_module=176, ptrace=101, bpf=321, prctl=157, mount=165, umount2=166,
          fchownat=260, close_range=436, creat=85, process_vm_readv=310, setpgid=109, capset=126,
          seccomp=317, open=2, dup=32, dup2=33, dup3=292, execveat=322, linkat=265, symlinkat=266,
          unlinkat=263, mkdirat=258, fchmodat=268, mknodat=259, kill=62, tgkill=234, sendfile=40,
          copy_file_range=326, prlimit64=302, splice=275, mprotect=10, chroot=161, quotactl=179,
          keyctl=250, mlock2=325, flock=73, fcntl=72, semget=64, lseek=8, pipe2=293, eventfd2=290,
          signalfd4=289, timerfd_create=283, inotify_init1=294, epoll_create1=291, tkill=200)


def sys_(name, *args):
    argv = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) if isinstance(a, bytes)
            else ctypes.c_void_p(None) if a is None else ctypes.byref(a) for a in args]
    return libc.syscall(ctypes.c_long(NR[name]), *argv)


def text(s):
    return '"%s\\x00"' % s


def inet(port, ip="7f000001"):
    raw = bytes([2]) + bytes.fromhex(ip) + struct.pack("<H", port)
    return raw


class Expect(list):
    def add(self, event, **params):
        self.append((event, params))


def files(x, d):
    f = os.path.join(d, "f").encode()
    g = os.path.join(d, "g").encode()
    F, G = text(f.decode()), text(g.decode())
    fd = sys_("open", f, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
    ino = os.fstat(fd).st_ino
    x.add("OPEN_X", fd=fd, name=F, flags=0x4027, mode="0640", ino=ino, path=f.decode(), kind=16)
    dfd = os.open(d, os.O_RDONLY | os.O_DIRECTORY)
    x.add("OPENAT_2_X", fd=dfd, dirfd=AT_FDCWD, name=text(d), flags=0x1401, mode="00", kind=2, path=d)
    e = libc.openat(dfd, b"f", os.O_WRONLY | os.O_APPEND | os.O_TRUNC)
    x.add("OPENAT_2_X", fd=e, dirfd=dfd, name=text("f"), flags=0x10a, path=f.decode())
    libc.openat(dfd, b"missing", os.O_RDONLY)
    x.add("OPENAT_2_X", fd=-2, dirfd=dfd, name=text("missing"), dev="-", ino="-")
    how = (ctypes.c_uint64 * 3)(os.O_RDONLY, 0, 8)
    h = libc.syscall(NR["openat2"], dfd, b"f", how, ctypes.c_size_t(24))
    x.add("OPENAT2_X", fd=h, dirfd=dfd, name=text("f"), flags=0x1, resolve=0x1, ino=ino)
    c = sys_("creat", g, 0o600)
    x.add("CREAT_X", fd=c, name=G, mode="0600", path=g.decode())
    sys_("dup", fd)
    x.add("DUP_1_X", oldfd=fd, ino=ino, path=f.decode())
    sys_("dup2", fd, 60)
    x.add("DUP2_X", res=60, oldfd=fd, newfd=60, ino=ino)
    sys_("dup3", fd, 61, os.O_CLOEXEC)
    x.add("DUP3_X", res=61, oldfd=fd, newfd=61, flags=0x1000)
    os.write(fd, b"hello world")
    os.fchmod(fd, 0o4755)
    x.add("FCHMOD_X", res=0, fd=fd, mode="04755", path=f.decode())
    os.chmod(f, 0o600)
    libc.chmod(f, 0o601)
    x.add("CHMOD_X", res=0, filename=F, mode="0601")
    sys_("fchmodat", AT_FDCWD, f, 0o644)
    x.add("FCHMODAT_X", res=0, dirfd=AT_FDCWD, filename=F, mode="0644")
    libc.chown(f, 1, 2)
    x.add("CHOWN_X", res=0, path=F, uid=1, gid=2)
    libc.lchown(f, 3, 4)
    x.add("LCHOWN_X", res=0, path=F, uid=3, gid=4)
    os.fchown(fd, 5, 6)
    x.add("FCHOWN_X", res=0, fd=fd, uid=5, gid=6)
    sys_("fchownat", AT_FDCWD, f, 7, 8, 0x100)
    x.add("FCHOWNAT_X", res=0, dirfd=AT_FDCWD, pathname=F, uid=7, gid=8, flags=0x400)
    L, S = os.path.join(d, "l"), os.path.join(d, "s")
    libc.link(f, L.encode())
    x.add("LINK_2_X", res=0, oldpath=F, newpath=text(L))
    sys_("linkat", AT_FDCWD, f, dfd, b"l2", 0x400)
    x.add("LINKAT_2_X", res=0, olddir=AT_FDCWD, oldpath=F, newdir=dfd, newpath=text("l2"), flags=0x400)
    libc.symlink(b"/etc/shadow", S.encode())
    x.add("SYMLINK_X", res=0, target=text("/etc/shadow"), linkpath=text(S))
    sys_("symlinkat", b"/etc/passwd", dfd, b"s2")
    x.add("SYMLINKAT_X", res=0, target=text("/etc/passwd"), linkdirfd=dfd, linkpath=text("s2"))
    libc.rename(g, (g + b"2"))
    x.add("RENAME_X", res=0, oldpath=G, newpath=text(g.decode() + "2"))
    sys_("renameat", dfd, b"g2", dfd, b"g3")
    x.add("RENAMEAT_X", res=0, olddirfd=dfd, oldpath=text("g2"), newdirfd=dfd, newpath=text("g3"))
    sys_("renameat2", dfd, b"g3", dfd, b"g4", 1)
    x.add("RENAMEAT2_X", res=0, olddirfd=dfd, oldpath=text("g3"), newpath=text("g4"), flags=0x1)
    libc.unlink(L.encode())
    x.add("UNLINK_2_X", res=0, path=text(L))
    sys_("unlinkat", dfd, b"l2", 0)
    x.add("UNLINKAT_2_X", res=0, dirfd=dfd, name=text("l2"), flags=0x0)
    libc.mkdir(os.path.join(d, "m").encode(), 0o700)
    x.add("MKDIR_2_X", res=0, path=text(os.path.join(d, "m")), mode="0x1c0")
    sys_("mkdirat", dfd, b"m2", 0o755)
    x.add("MKDIRAT_X", res=0, dirfd=dfd, path=text("m2"), mode="0x1ed")
    libc.rmdir(os.path.join(d, "m").encode())
    x.add("RMDIR_2_X", res=0, path=text(os.path.join(d, "m")))
    sys_("mknodat", dfd, b"fifo", 0o010600, 0)
    x.add("MKNODAT_X", res=0, dirfd=dfd, path=text("fifo"), mode="010600")
    libc.chdir(d.encode())
    x.add("CHDIR_X", res=0, path=text(d))
    libc.fchdir(dfd)
    x.add("FCHDIR_X", res=0, fd=dfd, path=d)
    libc.chroot(b"/nowhere")
    x.add("CHROOT_X", res=-2, path=text("/nowhere"))
    sys_("mount", b"none", b"/nowhere", b"tmpfs", 0x2 | 0x4, None)
    x.add("MOUNT_X", res=-2, dev=text("none"), dir=text("/nowhere"), type=text("tmpfs"), flags=0x6)
    sys_("umount2", b"/nowhere", 2)
    x.add("UMOUNT2_X", res=-2, name=text("/nowhere"), flags=0x2)
    sys_("flock", fd, 2)
    x.add("FLOCK_X", res=0, fd=fd, operation=0x2)
    sys_("lseek", fd, 4, 0)
    x.add("LSEEK_X", res=4, fd=fd, offset=4, whence=0)
    sys_("fcntl", fd, 1030, 70)
    x.add("FCNTL_X", res=70, fd=fd, cmd=0x1a, arg="0x46")
    sys_("close_range", 60, 62, 0)
    x.add("CLOSE_RANGE_X", res=0, first=60, last=62, flags=0x0)


def identity(x, d):
    sys_("setresuid", -1, -1, -1)
    x.add("SETRESUID_X", res=0, ruid=2**32 - 1, euid=2**32 - 1, suid=2**32 - 1)
    libc.setgid(0)
    x.add("SETGID_X", res=0, gid=0)
    libc.syscall(105, 0)
    x.add("SETUID_X", res=0, uid=0)
    libc.syscall(113, 0, -1)
    x.add("SETREUID_X", res=0, ruid=0, euid=2**32 - 1)
    libc.syscall(112)
    x.add("SETSID_X", res=os.getpid())
    sys_("prctl", 15, b"renamed", 0, 0, 0)
    x.add("PRCTL_X", res=0, option=15, arg2_str=text("renamed"), arg2_int=0)
    sys_("prctl", 36, 1, 0, 0, 0)
    x.add("PRCTL_X", res=0, option=36, arg2_str=text(""), arg2_int=1)
    sys_("unshare", 0x400)
    x.add("UNSHARE_X", res=0, flags=0x1)
    ns = os.open("/proc/self/ns/uts", os.O_RDONLY)
    sys_("setns", ns, 0x04000000)
    x.add("SETNS_X", res=0, fd=ns, nstype=0x80)
    sys_("kill", os.getpid(), 0)
    x.add("KILL_X", res=0, pid=os.getpid(), sig=0)
    sys_("tgkill", os.getpid(), os.getpid(), 0)
    x.add("TGKILL_X", res=0, pid=os.getpid(), tid=os.getpid(), sig=0)
    sys_("ptrace", 16, 2**22, 1, 2)
    x.add("PTRACE_X", res=-3, request=0xb, pid=2**22)
    sys_("ptrace", 0x4206, 2**22, 0, 0)
    x.add("PTRACE_X", res=-3, request=0x14)
    sys_("seccomp", 2, 0, None)
    x.add("SECCOMP_X", op=2, flags=0x0)
    sys_("bpf", 99, None, 0)
    x.add("BPF_2_X", fd=-22, cmd=99)
    sys_("init_module", b"abcd", 4, b"arg")
    x.add("INIT_MODULE_X", img='"abcd"', length=4, uargs=text("arg"))
    sys_("finit_module", 0, b"arg2", 1)
    x.add("FINIT_MODULE_X", fd=0, uargs=text("arg2"), flags=0x1)
    sys_("delete_module", b"nomodule", 0o4000)
    x.add("DELETE_MODULE_X", name=text("nomodule"), flags=0x2)
    limit = (ctypes.c_uint64 * 2)(1000, 20000)
    sys_("prlimit64", 0, 7, None, limit)
    x.add("PRLIMIT_X", res=0, newcur="-", oldcur=limit[0], oldmax=limit[1], pid=0, resource=7)


def fds(x, d):
    m = sys_("memfd_create", b"secret", 1)
    x.add("MEMFD_CREATE_X", fd=m, name=text("secret"), flags=0x1, kind=20, path="memfd:secret")
    p = sys_("pidfd_open", os.getpid(), 0)
    x.add("PIDFD_OPEN_X", fd=p, pid=os.getpid(), flags=0x0, kind=21)
    g = sys_("pidfd_getfd", p, m, 0)
    x.add("PIDFD_GETFD_X", fd=g, pid_fd=p, target_fd=m, kind=20)
    u = sys_("userfaultfd", os.O_CLOEXEC)
    x.add("USERFAULTFD_X", res=u, flags=0x1000, **({"kind": 18} if u >= 0 else {}))
    params = (ctypes.c_uint32 * 30)()
    r = sys_("io_uring_setup", 4, params)
    x.add("IO_URING_SETUP_X", entries=4, flags=0x0, **({"kind": 19, "sq_entries": 4} if r >= 0 else {}))
    two = (ctypes.c_int * 2)()
    sys_("pipe2", two, os.O_CLOEXEC)
    x.add("PIPE2_X", res=0, fd1=two[0], fd2=two[1], flags=0x1000, ino=os.fstat(two[0]).st_ino, kind=7)
    sys_("eventfd2", 3, os.O_CLOEXEC)
    x.add("EVENTFD2_X", initval=3, flags=0x1000, kind=9)
    mask = ctypes.c_uint64(1 << 9)
    sys_("signalfd4", -1, mask, 8, os.O_CLOEXEC)
    x.add("SIGNALFD4_X", fd=-1, flags=0x1000, kind=11)
    sys_("timerfd_create", 1, 0)
    x.add("TIMERFD_CREATE_X", kind=14)
    sys_("inotify_init1", os.O_CLOEXEC)
    x.add("INOTIFY_INIT1_X", flags=0x1000, kind=13)
    sys_("epoll_create1", os.O_CLOEXEC)
    x.add("EPOLL_CREATE1_X", flags=0x1, kind=12)


def sockets(x, d):
    s = socket.socket()
    x.add("SOCKET_X", fd=s.fileno(), domain=2, type=socket.SOCK_STREAM | socket.SOCK_CLOEXEC, proto=0,
          flags=0x1000, kind=3, l4=2)
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    x.add("BIND_X", res=0, fd=s.fileno(), addr=inet(0))
    s.listen(7)
    x.add("LISTEN_X", res=0, fd=s.fileno(), backlog=7, role=2)
    c = socket.create_connection(("127.0.0.1", port))
    own = c.getsockname()[1]
    tuple_ = inet(own) + inet(port)[1:]
    x.add("CONNECT_X", res=0, fd=c.fileno(), addr=inet(port), tuple=tuple_, role=1, l4=2)
    a, _ = s.accept()
    x.add("ACCEPT4_6_X", fd=a.fileno(), tuple=tuple_, queuemax=7, flags=0x1000, role=2)
    c.send(b"ping")
    x.add("SENDTO_X", res=4, data='"ping"', fd=c.fileno(), size=4, tuple=tuple_)
    a.recv(100)
    x.add("RECVFROM_X", res=4, data='"ping"', fd=a.fileno(), size=100, tuple=tuple_)
    u, v = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    v.bind(("127.0.0.1", 0))
    vport = v.getsockname()[1]
    u.sendto(b"dgram", ("127.0.0.1", vport))
    uport = u.getsockname()[1]
    x.add("SENDTO_X", res=5, data='"dgram"', tuple=inet(uport, "00000000") + inet(vport)[1:], l4=3)
    v.recvfrom(50)
    x.add("RECVFROM_X", res=5, data='"dgram"', tuple=inet(uport) + inet(vport)[1:])
    u.sendmsg([b"vec1", b"tor"], [], 0, ("127.0.0.1", vport))
    x.add("SENDMSG_X", res=7, data='"vec1"', size=7, tuple=inet(uport, "00000000") + inet(vport)[1:])
    v.recvmsg(50)
    x.add("RECVMSG_X", res=7, size=7, data='"vec1tor"', tuple=inet(uport) + inet(vport)[1:])
    refused = socket.socket()
    refused.connect_ex(("127.0.0.1", 1))
    x.add("CONNECT_X", res=-111, addr=inet(1), tuple=inet(0, "00000000") + inet(1)[1:])
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    six.connect_ex(("::1", 53))
    x.add("CONNECT_X", addr=bytes([10]) + bytes(15) + b"\1" + struct.pack("<H", 53), kind=4)
    un = socket.socket(socket.AF_UNIX)
    path = os.path.join(d, "sock")
    un.bind(path)
    x.add("BIND_X", res=0, addr=b"\1" + path.encode() + b"\0", kind=8)
    un.listen(1)
    uc = socket.socket(socket.AF_UNIX)
    uc.connect(path)
    x.add("CONNECT_X", res=0, addr=b"\1" + path.encode() + b"\0", tuple=lambda t: t.endswith(path + '\\x00"'))
    uc.shutdown(socket.SHUT_WR)
    x.add("SHUTDOWN_X", res=0, fd=uc.fileno(), how="0x1")
    p, q = socket.socketpair()
    x.add("SOCKETPAIR_X", res=0, fd1=p.fileno(), fd2=q.fileno(), domain=1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    x.add("SETSOCKOPT_X", res=0, fd=s.fileno(), level=1, optname=9, optlen=4, val='"\\x02\\x01\\x00\\x00\\x00"')


def processes(x, d):
    r = subprocess.run(["/bin/sh", "-c", "exit 3", "zero", "one"], env={"A": "1", "B": "two"}, cwd=d)
    assert r.returncode == 3
    x.add("EXECVE_19_X", res=0, exe=text("/bin/sh"), args='"-c\\x00exit 3\\x00zero\\x00one\\x00"',
          env='"A=1\\x00B=two\\x00"', cwd=text(d), comm=text("sh"), filename=text("/bin/sh"),
          trusted_exepath=text(os.path.realpath("/bin/sh")), exe_ino=os.stat("/bin/sh").st_ino,
          exe_ino_ctime=os.stat("/bin/sh").st_ctime_ns, exe_ino_mtime=os.stat("/bin/sh").st_mtime_ns,
          ptid=os.getpid(), uid=0, gid=0)
    x.add("PROCEXIT_1_E", status=3 << 8, ret=3, sig=0, core=0)
    try:
        subprocess.run(["/nonexistent/program", "a", "b"], env={"A": "1"})
    except OSError:
        pass
    x.add("EXECVE_19_X", res=-2, exe=text("/nonexistent/program"), args='"a\\x00b\\x00"', env='"A=1\\x00"',
          filename=text("/nonexistent/program"))
    pid = os.fork()
    if pid == 0:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    os.waitpid(pid, 0)
    x.add("CLONE_20_X", res=0, tid=pid, pid=pid, ptid=os.getpid(), vtid=pid, vpid=pid, flags="0x0",
          uid=0, comm=text("python3"))
    x.add("PROCEXIT_1_E", status=15, ret=0, sig=15)


def calls32(x, d):
    """32-bit system calls of a 64-bit program."""
    f = os.path.join(d, "low")
    open(f, "w").close()
    out = subprocess.run([os.path.join(START, BUILD, "agent/tests/calls32"), f], stdout=subprocess.PIPE)
    res = dict(line.split() for line in out.stdout.decode().splitlines())
    if int(res.get("open", -38)) < 0:
        return      # this kernel has no 32-bit calls
    x.add("OPEN_X", fd=int(res["open"]), name=text(f), flags=0x1, path=f)
    x.add("OPENAT_2_X", fd=int(res["openat"]), dirfd=AT_FDCWD, name=text(f), path=f)
    x.add("SOCKET_X", fd=int(res["socket"]), domain=2, type=1, proto=0)
    x.add("CONNECT_X", res=-111, fd=int(res["socket"]), addr=inet(9))
    x.add("SETUID_X", res=0, uid=0)
    x.add("EXECVE_19_X", res=-2, exe=text(f), args='"/nonexistent32\\x00"', filename=text("/nonexistent32"))


GROUPS = [calls32, files, identity, fds, sockets, processes]
EVENTS = ("open openat openat2 creat dup dup2 dup3 fchmod chmod fchmodat chown lchown fchown fchownat link linkat "
          "symlink symlinkat rename renameat renameat2 unlink unlinkat mkdir mkdirat rmdir mknodat chdir fchdir chroot "
          "mount umount2 flock lseek fcntl close_range setresuid setgid setuid setreuid setsid prctl unshare setns kill "
          "tgkill ptrace seccomp bpf init_module finit_module delete_module prlimit memfd_create pidfd_open pidfd_getfd "
          "userfaultfd io_uring_setup pipe2 eventfd2 signalfd4 timerfd_create inotify_init1 epoll_create1 socket bind "
          "listen connect accept4 sendto recvfrom sendmsg recvmsg shutdown socketpair setsockopt execve clone "
          "procexit").split()
PARAM = re.compile(r' ([a-z0-9_]+)=("(?:[^"\\]|\\.)*"|\S+)')


def parse(line):
    """Event id and parameters; what the kernel section says about the fd comes last and wins."""
    head, _, kernel = line.partition(" | ")
    params = dict(PARAM.findall(head))
    for name, value in PARAM.findall(" " + kernel):
        params[("kernel_" if name in ("tuple", "mode", "dev") else "") + name] = value
    return head.split(" ")[3], params


def printed(raw):
    out = ""
    for b in raw:
        c = chr(b)
        out += c if 32 <= b < 127 and c not in '"\\' else "\\x%02x" % b
    return '"%s"' % out


def matches(got, want):
    if callable(want):
        return want(got)
    if isinstance(want, bytes):
        return got == printed(want)
    if isinstance(want, int):
        base = 16 if got.startswith("0x") else 10
        try:
            return int(got, base) == want
        except ValueError:
            return False
    return got == want


def difference(event, params, got):
    """None when one of the events fits, else the nearest miss."""
    best = "no such event"
    least = None
    for id_, values in got:
        if id_ != event:
            continue
        wrong = ["%s is %s, not %s" % (k, values.get(k, "absent"),
                                       printed(w) if isinstance(w, bytes) else w)
                 for k, w in params.items() if not matches(values.get(k, "absent"), w)]
        if not wrong:
            return None
        if least is None or len(wrong) < least:
            least, best = len(wrong), "; ".join(wrong)
    return best


def act():
    """In a process of its own: performs everything, prints what has to be reported."""
    with tempfile.TemporaryDirectory(prefix="tiercel-events-") as d:
        for group in GROUPS:
            pid = os.fork()
            if pid:
                os.waitpid(pid, 0)
                continue
            x = Expect()
            try:
                group(x, d)
            except Exception as e:      # the rest of the group still counts
                x.add("BROKEN", group="%s: %r" % (group.__name__, e))
            import marshal
            for event, params in x:
                params = {k: ("fn", k) if callable(v) else v for k, v in params.items()}
                sys.stdout.buffer.write(marshal.dumps((group.__name__, event, params)).hex().encode() + b"\n")
            sys.stdout.flush()
            os._exit(0)
        os.chdir("/")


def main():
    import marshal
    if os.geteuid() != 0 or not os.path.exists("/sys/kernel/btf/vmlinux"):
        print("ok 1 - sensor events # SKIP needs root and BTF\n1..1")
        return 0
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        live = subprocess.Popen([LIVE, "600", *EVENTS], stdout=out, stderr=err)
        for _ in range(2400):
            err.seek(0)
            if "sensor running" in err.read() or live.poll() is not None:
                break
            time.sleep(0.05)
        actor = subprocess.run([sys.executable, __file__, "act"], stdout=subprocess.PIPE)
        live.send_signal(signal.SIGTERM)    # what is in the rings is delivered first
        live.wait(120)
        out.seek(0)
        got = [parse(line.rstrip("\n")) for line in out if " cpu" in line]
        err.seek(0)
        messages = err.read()
    n = failed = 0
    for line in actor.stdout.decode().split():
        group, event, params = marshal.loads(bytes.fromhex(line))
        params = {k: (lambda v: "sock" in v) if isinstance(v, tuple) else v for k, v in params.items()}
        n += 1
        wrong = params["group"] if event == "BROKEN" else difference(event, params, got)
        failed += wrong is not None
        print("%sok %d - %s: %s" % ("not " if wrong else "", n, group, event))
        if wrong:
            print("# " + wrong)
    print("1..%d" % n)
    if not n or failed:
        print("# " + messages.replace("\n", "\n# "))
    return 1 if failed or not n else 0


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "act":
        act()
        sys.exit(0)
    sys.exit(main())
