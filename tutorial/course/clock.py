"""Runs a program with a clock of its own, so that how busy the machine is changes nothing.

The clock goes on by a microsecond each time it is read, by as much as somebody sleeps, and jumps to
the next timer when an event loop has nothing else to wait for. While other threads are there, who
may have something to say at any moment, a loop waits as always.
"""

import runpy
import selectors
import sys
import threading
import time

now = 0.0


def read():
    global now
    now += 1e-6
    return now


def sleep(seconds):
    global now
    now += seconds


class Selector(selectors.DefaultSelector):
    def select(self, timeout=None):
        ready = super().select(0)
        if ready or timeout is None or timeout <= 0 or threading.active_count() > 1:
            return ready or super().select(timeout)
        sleep(timeout)
        return super().select(0)


time.monotonic = time.perf_counter = read
time.sleep = sleep
selectors.DefaultSelector = Selector
runpy.run_path(sys.argv[1], run_name="__main__")
