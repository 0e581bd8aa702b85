"""Python's pools without an event loop: the same workloads as one writes them there.

    python3 pools_peer.py PEER WORKLOAD SIZE

prints figures as `child.rs` does: a name and a number on each line.
"""

import collections
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

WORKERS = 2  # as in `peer.rs`
WINDOW = 100  # as in `processes.rs`
CHUNK = 1000
STEPS = 100_000  # a step is a call of the interpreter's: some milliseconds in all


class Meter:
    def __init__(self):
        self.cpu, self.wall = time.process_time_ns(), time.perf_counter_ns()

    def stop(self, items):
        cpu, wall = time.process_time_ns() - self.cpu, time.perf_counter_ns() - self.wall
        return {"cpu_ns": cpu / items, "ns": wall / items}


def percentiles(times):
    times.sort()
    return {
        "p50_us": times[len(times) // 2] * 1e6,
        "p99_us": times[len(times) * 99 // 100] * 1e6,
    }


def double(n):
    return n * 2


def echo(data):
    return data


def spin(steps):
    n = 1
    for step in range(steps):
        n = (n * 0x5851F42D4C957F2D ^ step) & 0xFFFFFFFFFFFFFFFF
    return n


class Executor:
    """`concurrent.futures`, and `multiprocessing.Pool` behind the same four words."""

    def __init__(self, kind, workers=WORKERS):
        self.pool = kind(workers)

    def submit(self, function, *arguments):
        return self.pool.submit(function, *arguments).result

    def map(self, function, items):
        return self.pool.map(function, items, chunksize=CHUNK)

    def close(self):
        self.pool.shutdown()


class MultiprocessingPool(Executor):
    def submit(self, function, *arguments):
        return self.pool.apply_async(function, arguments).get

    def map(self, function, items):
        return self.pool.map(function, items, CHUNK)

    def close(self):
        self.pool.close()
        self.pool.join()


PEERS = {
    "ThreadPoolExecutor": lambda workers=WORKERS: Executor(ThreadPoolExecutor, workers),
    "ProcessPoolExecutor": lambda workers=WORKERS: Executor(ProcessPoolExecutor, workers),
    "multiprocessing.Pool": lambda workers=WORKERS: MultiprocessingPool(
        multiprocessing.Pool, workers
    ),
}


def trip(new, size):
    pool = new()
    pool.submit(double, 1)()
    times, meter = [], Meter()
    for n in range(size):
        start = time.perf_counter()
        assert pool.submit(double, n)() == n * 2
        times.append(time.perf_counter() - start)
    figures = meter.stop(size)
    pool.close()
    return figures | percentiles(times)


def bulk(new, size):
    pool = new()
    for _ in range(2):
        meter = Meter()
        jobs = [pool.submit(double, n) for n in range(size)]
        for n, job in enumerate(jobs):
            assert job() == n * 2
        figures = meter.stop(size)
    pool.close()
    return figures


def one_by_one(new, size):
    pool = new()
    for _ in range(2):
        meter, jobs = Meter(), collections.deque()
        for n in range(size):
            jobs.append((n, pool.submit(double, n)))
            if len(jobs) == WINDOW:
                n, job = jobs.popleft()
                assert job() == n * 2
        for n, job in jobs:
            assert job() == n * 2
        figures = meter.stop(size)
    pool.close()
    return figures


def in_chunks(new, size):
    pool = new()
    for _ in range(2):
        meter = Meter()
        for n, result in enumerate(pool.map(double, range(size))):
            assert result == n * 2
        figures = meter.stop(size)
    pool.close()
    return figures


def start(new, size):
    times, meter = [], Meter()
    for _ in range(size):
        begin = time.perf_counter()
        pool = new()
        for job in [pool.submit(double, n) for n in range(WORKERS)]:
            job()
        times.append(time.perf_counter() - begin)
        pool.close()
    return meter.stop(size) | percentiles(times)


def payload(mib):
    def run(new, size):
        pool = new(1)
        data = bytes([7]) * (mib << 20)
        pool.submit(echo, data)()
        times, meter = [], Meter()
        for _ in range(size):
            begin = time.perf_counter()
            data = pool.submit(echo, data)()
            times.append(time.perf_counter() - begin)
            assert len(data) == mib << 20
        figures = meter.stop(size)
        pool.close()
        return figures | percentiles(times)

    return run


def speed_up(new, size):
    def seconds(workers):
        pool = new(workers)

        def run(jobs):
            for job in [pool.submit(spin, STEPS) for _ in range(jobs)]:
                job()

        run(workers)
        begin = time.perf_counter()
        run(size)
        taken = time.perf_counter() - begin
        pool.close()
        return taken

    one, two = seconds(1), seconds(2)
    return {"two_to_one": two / one}


WORKLOADS = {
    "thread-wait": trip,
    "thread-wait-1cpu": trip,
    "thread-wait-bulk": bulk,
    "process-trip": trip,
    "process-trip-1cpu": trip,
    "process-tiny": one_by_one,
    "process-map": in_chunks,
    "process-start": start,
    "process-1mib": payload(1),
    "process-16mib": payload(16),
    "process-speed-up": speed_up,
}

if __name__ == "__main__":
    _, peer, workload, size = sys.argv
    for name, figure in WORKLOADS[workload](PEERS[peer], int(size)).items():
        print(name, figure)
