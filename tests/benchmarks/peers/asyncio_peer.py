"""asyncio, and the same on uvloop: the same workloads, written as one writes them in Python.

    python3 asyncio_peer.py asyncio|uvloop WORKLOAD SIZE

prints figures as `child.rs` does: a name and a number on each line.
"""

import asyncio
import collections
import gc
import random
import socket
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

WORKERS = 2  # as in `peer.rs`
BURST = 1000
LIMIT = 30.0


class Meter:
    def __init__(self):
        self.cpu, self.wall = time.process_time_ns(), time.perf_counter_ns()

    def stop(self, items):
        cpu, wall = time.process_time_ns() - self.cpu, time.perf_counter_ns() - self.wall
        return {"cpu_ns": cpu / items, "ns": wall / items}


def status(line):
    """A line of /proc/self/status in bytes."""
    try:
        with open("/proc/self/status") as file:
            return next(int(text.split()[1]) * 1024 for text in file if text.startswith(line))
    except (OSError, StopIteration):
        return 0


def percentiles(prefix, times):
    times.sort()
    return {
        f"{prefix}p50_us": times[len(times) // 2] * 1e6,
        f"{prefix}p99_us": times[len(times) * 99 // 100] * 1e6,
    }


async def measured_passes(one_pass, size):
    """The first pass shows the memory, the second the time."""
    before = status("VmRSS:")
    await one_pass(size)
    bytes_each = (status("VmHWM:") - before) / size
    gc.collect()
    meter = Meter()
    await one_pass(size)
    return meter.stop(size) | {"bytes": bytes_each}


async def nothing(n):
    return n


async def spawn_join(size):
    async def one_pass(size):
        tasks = [asyncio.create_task(nothing(n)) for n in range(size)]
        for task in tasks:
            await task

    return await measured_passes(one_pass, size)


async def spawn_await(size):
    meter = Meter()
    for n in range(size):
        await asyncio.create_task(nothing(n))
    return meter.stop(size)


async def yields(size):
    return await dances(1000, size // 1000)


async def yields_growing(size):
    return await dances(size, max(100_000 // size, 10))


async def dances(dancers, turns):
    async def dance():
        for _ in range(turns):
            await asyncio.sleep(0)

    meter = Meter()
    await asyncio.gather(*(dance() for _ in range(dancers)))
    return meter.stop(dancers * turns)


async def ping_promise(size):
    new = asyncio.get_running_loop().create_future

    async def other(ball):
        for _ in range(size):
            answer = await ball
            ball = new()
            answer.set_result(ball)

    meter = Meter()
    there = new()
    task = asyncio.create_task(other(there))
    for _ in range(size):
        back = new()
        there.set_result(back)
        there = await back
    await task
    return meter.stop(size)


async def ping_channel(size):
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def other():
        for _ in range(size):
            await back.put(await there.get())

    meter = Meter()
    task = asyncio.create_task(other())
    for n in range(size):
        await there.put(n)
        assert await back.get() == n
    await task
    return meter.stop(size)


async def sleep_run_out(size):
    # As dense in time as the others' (`timers.rs`), who do ten times as many.
    return await sleeps(size, max(size * 10e-6, 0.2))


async def sleep_growing(size):
    return await sleeps(size, size * 1e-6)


async def sleeps(size, window):
    numbers = random.Random(1)
    before, meter = status("VmRSS:"), Meter()
    await asyncio.gather(*(asyncio.sleep(numbers.random() * window) for _ in range(size)))
    return meter.stop(size) | {"bytes": (status("VmHWM:") - before) / size}


async def sleep_cancel(size):
    numbers, loop = random.Random(1), asyncio.get_running_loop()

    async def one_pass(size):
        handles = [loop.call_later(100 + 100 * numbers.random(), print) for _ in range(size)]
        for handle in handles:
            handle.cancel()
        await asyncio.sleep(0)

    return await measured_passes(one_pass, size)


async def timeout_ready(size):
    meter = Meter()
    for n in range(size):
        async with asyncio.timeout(LIMIT):
            await nothing(n)
    return meter.stop(size)


async def timeout_yield(size):
    meter = Meter()
    for _ in range(size):
        async with asyncio.timeout(LIMIT):
            await asyncio.sleep(0)
    return meter.stop(size)


async def timeout_crowded(size):
    return await timeout_among(size, size)


async def timeout_growing(others):
    return await timeout_among(others, 10_000)


async def timeout_among(others, size):
    loop = asyncio.get_running_loop()
    handles = [loop.call_later(100 + n / others, print) for n in range(others)]
    figures = await timeout_yield(size)
    for handle in handles:
        handle.cancel()
    return figures


def sleep_lateness(delays):
    async def sleep(size):
        numbers, late = random.Random(1), []
        meter = Meter()
        for _ in range(size):
            delay = delays(numbers)
            start = time.perf_counter()
            await asyncio.sleep(delay)
            late.append(time.perf_counter() - start - delay)
        return meter.stop(size) | percentiles("late_", late)

    return sleep


async def call_soon(size):
    loop = asyncio.get_running_loop()

    async def one_pass(size):
        count = 0

        def callback():
            nonlocal count
            count += 1

        for _ in range(size):
            loop.call_soon(callback)
        while count < size:
            await asyncio.sleep(0)

    return await measured_passes(one_pass, size)


async def wake_one(size):
    loop, asked = asyncio.get_running_loop(), threading.Semaphore(0)
    box = collections.deque()

    def thread():
        for _ in range(size):
            asked.acquire()
            time.sleep(50e-6)
            loop.call_soon_threadsafe(box.popleft().set_result, time.perf_counter())

    helper = threading.Thread(target=thread)
    helper.start()
    times, meter = [], Meter()
    for _ in range(size):
        future = loop.create_future()
        box.append(future)
        asked.release()
        left = await future
        times.append(time.perf_counter() - left)
    figures = meter.stop(size)
    helper.join()
    return figures | percentiles("", times)


class Echo(asyncio.Protocol):
    def __init__(self, all_made, all_lost, connections):
        self.all_made, self.all_lost, self.connections = all_made, all_lost, connections

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections["made"] += 1
        if self.connections["made"] == self.connections["all"]:
            self.all_made.set_result(None)

    def data_received(self, data):
        self.transport.write(data)

    def connection_lost(self, error):
        self.connections["lost"] += 1
        if self.connections["lost"] == self.connections["all"]:
            self.all_lost.set_result(None)


def echo(connections):
    async def serve(size):
        loop = asyncio.get_running_loop()
        made, lost = loop.create_future(), loop.create_future()
        counts = {"all": connections, "made": 0, "lost": 0}
        server = await loop.create_server(lambda: Echo(made, lost, counts), "127.0.0.1", 0)
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await made
        meter = Meter()
        await lost
        server.close()
        return meter.stop(size)

    return serve


async def echo_growing(connections):
    # As many messages as `messages_for` of `load.rs` says.
    return await echo(connections)(max(10_000 // connections, 4) * connections)


async def thread_trip(size):
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(WORKERS))
    await asyncio.to_thread(int)
    times, meter = [], Meter()
    for n in range(size):
        start = time.perf_counter()
        assert await asyncio.to_thread(int, n) == n
        times.append(time.perf_counter() - start)
    return meter.stop(size) | percentiles("", times)


async def thread_bulk(size):
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in range(2):
            meter = Meter()
            jobs = [loop.run_in_executor(pool, int, n) for n in range(size)]
            for n, job in enumerate(jobs):
                assert await job == n
            figures = meter.stop(size)
    return figures


def double(n):
    return n * 2


async def process_trip(size):
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(WORKERS) as pool:
        await loop.run_in_executor(pool, double, 1)
        times, meter = [], Meter()
        for n in range(size):
            start = time.perf_counter()
            assert await loop.run_in_executor(pool, double, n) == n * 2
            times.append(time.perf_counter() - start)
        return meter.stop(size) | percentiles("", times)


WORKLOADS = {
    "spawn-join": spawn_join,
    "spawn-await": spawn_await,
    "yield": yields,
    "ping-promise": ping_promise,
    "ping-channel": ping_channel,
    "sleep-run-out": sleep_run_out,
    "sleep-cancel": sleep_cancel,
    "timeout-ready": timeout_ready,
    "timeout-yield": timeout_yield,
    "timeout-crowded": timeout_crowded,
    "sleep-lateness": sleep_lateness(lambda numbers: numbers.randint(1, 4) / 1000),
    "sleep-lateness-odd": sleep_lateness(lambda numbers: 0.001 + 0.004 * numbers.random()),
    "call-soon": call_soon,
    "wake-one": wake_one,
    "echo-1": echo(1),
    "echo-64": echo(64),
    "echo-1000": echo(1000),
    "echo-16k": echo(64),
    "thread-trip": thread_trip,
    "thread-trip-1cpu": thread_trip,
    "thread-bulk": thread_bulk,
    "process-trip": process_trip,
    "process-trip-1cpu": process_trip,
    "grow-spawn": spawn_join,
    "grow-yield": yields_growing,
    "grow-sleep": sleep_growing,
    "grow-cancel": sleep_cancel,
    "grow-timeout": timeout_growing,
    "grow-call": call_soon,
    "grow-echo": echo_growing,
}

if __name__ == "__main__":
    _, peer, workload, size = sys.argv
    new_loop = None
    if peer == "uvloop":
        import uvloop

        new_loop = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=new_loop) as runner:
        figures = runner.run(WORKLOADS[workload](int(size)))
    for name, figure in figures.items():
        print(name, figure)
