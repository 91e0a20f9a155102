"""Network namespaces in the place of machines: what listens in one is reached by no road but the ones laid here.

Takes root and iproute2. Names and addresses are of this process; everything is removed at the end.
https://man7.org/linux/man-pages/man8/ip-netns.8.html
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path


class Machine:
    """A namespace; ``start`` runs a program in it until the end of the block that made the machine."""

    def __init__(self, name: str, stack: contextlib.ExitStack) -> None:
        self.name, self._stack = name, stack

    def start(
        self, command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path, user: int | None = None
    ) -> "subprocess.Popen[bytes]":
        drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        with log.open("ab") as output:
            if user:
                # As container engines do it: a program may open its own /dev/stderr.
                os.fchown(output.fileno(), user, user)
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *drop, *command],
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._stack.callback(_stop, process)
        return process

    def run(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a program in it and wait."""
        command = ["ip", "netns", "exec", self.name, *command]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)

    def knows(self, *names: str) -> None:
        """Let these names mean this machine itself, for what is started in it from now on."""
        folder = Path("/etc/netns") / self.name
        folder.mkdir(parents=True)
        self._stack.callback(shutil.rmtree, folder)
        (folder / "hosts").write_text(f"127.0.0.1 localhost {' '.join(names)}\n")


class Roads:
    """The machines of a test and the roads between them. Machine None is the one that the test itself runs on."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack, self._laid = stack, 0
        # 10.128.0.0 and up: two bytes of the process id, so that two runs of the tests don't meet.
        self._net = f"10.{128 + os.getpid() // 256 % 128}.{os.getpid() % 256}"

    def machine(self, name: str) -> Machine:
        full = f"rod{os.getpid()}{name}"
        _ip("netns", "add", full)
        self._stack.callback(_ip, "netns", "delete", full)
        _ip("-n", full, "link", "set", "lo", "up")
        return Machine(full, self._stack)

    def lay(self, one: Machine | None, other: Machine) -> tuple[str, str]:
        """A road; returns the addresses of ``one`` and ``other`` on it."""
        at = 4 * self._laid
        self._laid += 1
        ends = [f"r{os.getpid()}{letter}{self._laid}" for letter in "ab"]
        addresses = (f"{self._net}.{at + 1}", f"{self._net}.{at + 2}")
        _ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        self._stack.callback(subprocess.run, ["ip", "link", "delete", ends[0]], capture_output=True)
        for machine, end, address in zip((one, other), ends, addresses, strict=True):
            inside = ["-n", machine.name] if machine else []
            if machine:
                _ip("link", "set", end, "netns", machine.name)
            _ip(*inside, "address", "add", f"{address}/30", "dev", end)
            _ip(*inside, "link", "set", end, "up")
        return addresses


@contextlib.contextmanager
def roads() -> Iterator[Roads]:
    """Machines and roads for the length of a block."""
    with contextlib.ExitStack() as stack:
        yield Roads(stack)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
