"""Child processes that never outlive the test run."""

import ctypes
import os
import queue
import signal
import subprocess
import threading
import time

PATIENCE = float(os.environ.get("DOHLE_PATIENCE", "1"))  # waits are that many times as long: for a machine under load
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """A scenario's expectation did not hold. The message is all that the reader gets."""


def die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run(argv, timeout_s=120, stdin=None, env=None, cwd=None, check=True):
    """Runs to the end; returns (exit code, stdout, stderr) as text. A non-zero code is a Failure unless check=False."""
    timeout_s *= PATIENCE
    process = subprocess.Popen(
        [str(a) for a in argv], stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=cwd, preexec_fn=die_with_parent)
    try:
        out, err = process.communicate(stdin, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise Failure(f"{_short(argv)}: no end within {timeout_s} s\n{_tail(out)}\n{_tail(err)}") from None
    if check and process.returncode != 0:
        raise Failure(f"{_short(argv)}: exit code {process.returncode}\n{_tail(out)}\n{_tail(err)}")
    return process.returncode, out, err


def _short(argv):
    text = " ".join(str(a) if len(str(a)) < 200 else "…" for a in argv)
    return text if len(text) < 400 else text[:400] + "…"


def _tail(text, lines=25):
    return "\n".join(text.splitlines()[-lines:])


class Child:
    """A process that is talked with line by line: send(), expect(); its standard error goes to a file."""

    def __init__(self, argv, log_path, env=None, cwd=None):
        self._log = open(log_path, "ab")
        self.log_path = log_path
        self.argv = [str(a) for a in argv]
        self.lines = []  # all of standard output so far
        self._queue = queue.Queue()
        self.process = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, bufsize=1, env=env,
            cwd=cwd, preexec_fn=die_with_parent)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            line = line.rstrip("\n")
            self.lines.append(line)
            self._queue.put(line)
        self._queue.put(None)

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def next_line(self, timeout_s, meanwhile=lambda: None):
        """The next line of standard output; None at its end. Failure when none comes in time. meanwhile() is called once a second."""
        timeout_s *= PATIENCE
        end = time.monotonic() + timeout_s
        while True:
            try:
                line = self._queue.get(timeout=min(1, timeout_s))
                break
            except queue.Empty:
                meanwhile()
                if time.monotonic() > end:
                    raise Failure(f"{_short(self.argv)}: silent for {timeout_s} s\n{self.log_tail()}") from None
        if line is None:
            self._queue.put(None)
        return line

    def wait_for(self, predicate, what, timeout_s=30):
        """Reads on until predicate(all lines so far) is true; returns its value."""
        timeout_s *= PATIENCE
        end = time.monotonic() + timeout_s
        while True:
            ended = not self._reader.is_alive()  # asked first: what is there then is all there will be
            value = predicate(self.lines)
            if value:
                return value
            if ended:
                raise Failure(f"{_short(self.argv)} ended before: {what}\n{self.output_tail()}\n{self.log_tail()}")
            if time.monotonic() > end:
                raise Failure(f"{_short(self.argv)}: not within {timeout_s} s: {what}\n{self.output_tail()}\n{self.log_tail()}")
            time.sleep(0.02)

    def finish(self, timeout_s=60):
        """Waits for the end, returns the exit code."""
        timeout_s *= PATIENCE
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{_short(self.argv)}: no end within {timeout_s} s\n{self.output_tail()}\n{self.log_tail()}") from None
        self._reader.join(5)
        self._log.close()
        return code

    def terminate(self, timeout_s=30):
        self.process.send_signal(signal.SIGTERM)
        return self.finish(timeout_s)

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._reader.join(5)
        if not self._log.closed:
            self._log.close()

    def output_tail(self):
        return "\n".join(self.lines[-80:])

    def log_tail(self):
        with open(self.log_path, "rb") as log:
            log.seek(max(0, os.path.getsize(self.log_path) - 3000))
            return _tail(log.read().decode(errors="replace"))
