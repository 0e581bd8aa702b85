"""Plays small programs of tasks on CPython's asyncio, in virtual time.

Reads one program a line from standard input, as program.rs writes it, and answers each with its
trace in one line. README.md says what is made equal to roundelay here, and why: look for
"Made equal" below.
"""

import asyncio
import contextvars
import heapq
import sys

TICK = 1 << 32  # microseconds
LONG = 1 << 50


variable = contextvars.ContextVar("variable", default=0)


QueueShutDown = getattr(asyncio, "QueueShutDown", ())


class Failed(Exception):
    """A task ended with an error."""


# ---- virtual time -----------------------------------------------------------------------------


class Timer(asyncio.TimerHandle):
    """Made equal (O03.2): timers with one deadline fire in the order of setting."""

    count = 0

    def __init__(self, *args):
        super().__init__(*args)
        Timer.count += 1
        self.number = Timer.count

    def __lt__(self, other):
        return (self._when, self.number) < (other._when, other.number)


class VirtualLoop(asyncio.BaseEventLoop):
    """asyncio's own loop; waiting moves the clock to the next deadline. Counts microseconds."""

    def __init__(self):
        super().__init__()
        self.now = 0
        self._selector = self
        self._clock_resolution = 1

    def time(self):
        return self.now

    def select(self, timeout):
        if timeout is None:
            raise RuntimeError("nothing can ever happen any more")
        if timeout > 0:
            self.now = self._scheduled[0].when()
        return []

    def _process_events(self, events):
        pass

    def call_at(self, when, callback, *args, context=None):
        timer = Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer


# ---- awaiting without owning --------------------------------------------------------------------


class Watch:
    """Made equal (O09.3, O09.4): awaits a future, and a cancel of the awaiter stays with it.

    What a task sees of the thing it awaits is a handful of methods; this is that handful. The
    awaiter is woken by the future itself, in the same batch as if it had awaited it directly.
    """

    def __init__(self, future):
        self.future = future
        self.callback = None
        self.cancelled_here = False
        self._asyncio_future_blocking = False

    def __await__(self):
        if not self.future.done():
            self._asyncio_future_blocking = True
            yield self
        if self.cancelled_here:
            raise asyncio.CancelledError
        return None

    def get_loop(self):
        return self.future.get_loop()

    def add_done_callback(self, callback, *, context=None):
        self.callback = lambda _: callback(self)
        self.context = context
        self.future.add_done_callback(self.callback, context=context)

    def cancel(self, msg=None):
        if self.cancelled_here or self.future.done():
            return False
        self.cancelled_here = True
        self.future.remove_done_callback(self.callback)
        self.get_loop().call_soon(self.callback, self, context=self.context)
        return True

    def result(self):
        if self.cancelled_here:
            raise asyncio.CancelledError


class InOrder(dict):
    """Made equal (O33.2): a group cancels its children in the order of creation."""

    def add(self, task):
        self[task] = None

    def discard(self, task):
        self.pop(task, None)


class Permits(asyncio.Semaphore):
    """Made equal (O18.3): a permit that is free is free, whoever else has not collected his."""

    def locked(self):
        waits = (not waiter.done() for waiter in self._waiters or ())
        return self._value == 0 or any(waits)


def outcome(task):
    if task.cancelled():
        return "cancelled"
    return "failed" if task.exception() else "ok"


UNTIL = {
    "first": asyncio.FIRST_COMPLETED,
    "failure": asyncio.FIRST_EXCEPTION,
    "all": asyncio.ALL_COMPLETED,
}


def is_task(part):
    """A list that begins with a number."""
    return isinstance(part[0], int)


# ---- playing --------------------------------------------------------------------------------


class World:
    """What all tasks of a program share."""

    def __init__(self, loop, born):
        self.loop = loop
        self.born = born
        self.trace = []
        self.said_at = 0
        self.handles = {}
        self.joined = set()
        self.occupied = set()
        self.owners = set()
        self.locks = [asyncio.Lock(), asyncio.Lock()]
        self.permits = Permits(2)
        self.condition = asyncio.Condition(self.locks[1])
        self.event = asyncio.Event()
        self.barrier = asyncio.Barrier(2)
        self.queues = [asyncio.Queue(), asyncio.Queue(1)]
        self.promises = [loop.create_future() for _ in range(3)]
        self.awaited = set()

    def spawn(self, task):
        self.handles[task[0]] = self.loop.create_task(self.run_task(task))

    async def child(self, task, bit):
        try:
            await self.run_task(task)
        except Failed:
            await asyncio.sleep(2**bit)
            raise
        await asyncio.sleep(2**bit)

    async def run_task(self, task):
        number, body = task[0], task[1:]

        def say(*what):
            if self.said_at != self.loop.now:
                self.said_at = self.loop.now
                self.trace.append(f"@{self.loop.now}")
            self.trace.append(" ".join(map(str, (number, *what))))

        say.me = number
        say.limits = []

        say("begins")
        try:
            await self.run_body(say, body)
        except asyncio.CancelledError:
            say("cancelled")
            raise
        except Failed:
            say("failed")
            raise
        say("ends")

    async def run_body(self, say, body):
        for op in body:
            await getattr(self, "op_" + op[0])(say, *op[1:])

    async def op_set(self, say):
        self.event.set()
        say("set")

    async def op_clear(self, say):
        self.event.clear()
        say("cleared")

    async def op_wait(self, say):
        await self.event.wait()
        say("saw the event")

    async def op_meet(self, say):
        say("met", await self.barrier.wait())

    async def occupied_with(self, say, awaitable):
        """Awaits something in which a task may be stopped but not cancelled on the spot."""
        self.occupied.add(say.me)
        try:
            return await awaitable
        finally:
            self.occupied.discard(say.me)

    async def owning(self, say, awaitable):
        """Awaits something that owns children, in which a task may not even be stopped."""
        say("owns")
        self.owners.add(say.me)
        try:
            return await self.occupied_with(say, awaitable)
        finally:
            self.owners.discard(say.me)

    async def op_yield(self, say):
        await asyncio.sleep(0)
        say("yielded")

    async def op_sleep(self, say, ticks):
        await asyncio.sleep(ticks * TICK)
        say("slept")

    async def op_spawn(self, say, task):
        self.spawn(task)
        say("spawned", task[0])

    async def op_spawn_eager(self, say, task):
        # In the list of those that were born it stands before those that its first step starts.
        place = len(self.born)
        self.born.append(None)
        started = asyncio.Task(self.run_task(task), loop=self.loop, eager_start=True)
        self.born[place] = self.handles[task[0]] = started
        say("spawned", task[0])

    async def op_join(self, say, number):
        task = self.handles.get(number)
        if task is None:
            return say("joins nobody", number)
        if number in self.joined:
            return say("may not join", number)
        self.joined.add(number)
        await Watch(task)
        say("joined", number, outcome(task))

    async def op_stop(self, say, bit, number):
        await asyncio.sleep(1 << bit)
        if number in self.owners:
            say("may not cancel", number)
        else:
            self.cancel(say, number)
        await asyncio.sleep(2 << bit)

    async def op_cancel(self, say, number):
        if number in self.occupied:
            return say("may not cancel", number)
        self.cancel(say, number)

    def cancel(self, say, number):
        task = self.handles.get(number)
        if task is None:
            return say("cancels nobody", number)
        say("cancels", number, str(task.cancel()).lower())

    async def op_lock(self, say, number, *body):
        await self.occupied_with(say, self.locks[number].acquire())
        try:
            say("in lock", number)
            await self.run_body(say, body)
        finally:
            say("out of lock", number)
            self.locks[number].release()

    async def op_permit(self, say, *body):
        await self.occupied_with(say, self.permits.acquire())
        try:
            say("in permit")
            await self.run_body(say, body)
        finally:
            say("out of permit")
            self.permits.release()

    async def op_put(self, say, queue, value):
        try:
            await self.queues[queue].put(value)
            say("put", value)
        except QueueShutDown:
            say("may not put", value)

    async def op_get(self, say, queue):
        try:
            say("got", await self.queues[queue].get())
        except QueueShutDown:
            say("may not get")

    async def op_close(self, say, queue):
        self.queues[queue].shutdown()
        say("closed")

    async def op_close_now(self, say, queue):
        self.queues[queue].shutdown(immediate=True)
        say("closed now")

    async def op_resolve(self, say, number):
        future = self.promises[number]
        say("resolves", number, str(not future.done()).lower())
        if not future.done():
            future.set_result(None)

    async def op_await(self, say, number):
        if number in self.awaited:
            return say("may not await", number)
        self.awaited.add(number)
        await Watch(self.promises[number])
        say("has", number)

    async def op_done(self, say, queue):
        try:
            self.queues[queue].task_done()
            say("done", "true")
        except ValueError:
            say("done", "false")

    async def op_join_queue(self, say, queue):
        await self.queues[queue].join()
        say("joined queue", queue)

    async def op_expect(self, say):
        await self.occupied_with(say, self.locks[1].acquire())
        try:
            say("expects")
            await self.owning(say, self.condition.wait())
            say("was told")
        finally:
            self.locks[1].release()

    async def op_notify(self, say, count):
        await self.occupied_with(say, self.locks[1].acquire())
        self.condition.notify(count)
        say("notified")
        self.locks[1].release()

    async def op_set_var(self, say, value):
        variable.set(value)

    async def op_see_var(self, say):
        say("sees", variable.get())

    async def op_quit(self, say):
        say("quits")
        asyncio.current_task().cancel()
        self.event.set()
        await asyncio.sleep(0)
        say("is still there")

    async def gather(self, say, tasks, keep):
        children = [self.run_task(task) for task in tasks]
        gathering = asyncio.gather(*children, return_exceptions=keep)
        try:
            await self.owning(say, gathering)
        except (Failed, asyncio.CancelledError):
            if asyncio.current_task().cancelling():
                raise
        return gathering

    async def op_gather(self, say, *tasks):
        gathering = await self.gather(say, tasks, False)
        try:
            gathering.result()
            say("gathered")
        except Failed:
            say("gather failed")
        except asyncio.CancelledError:
            say("gather cancelled")

    async def op_all(self, say, *tasks):
        words = []
        for value in (await self.gather(say, tasks, True)).result():
            if isinstance(value, asyncio.CancelledError):
                words.append("cancelled")
            else:
                words.append("failed" if isinstance(value, Failed) else "ok")
        say("gathered all", *words)

    async def op_some(self, say, until, ticks, bit, *tasks):
        if not tasks:
            return say("waits for nobody")
        running = [self.loop.create_task(self.run_task(task)) for task in tasks]
        limit = ticks * TICK + 2**bit if ticks else None
        waiting = asyncio.wait(running, timeout=limit, return_when=UNTIL[until])
        done, _ = await self.occupied_with(say, waiting)
        ended = [task[0] for task, its in zip(tasks, running) if its in done]
        say("saw the end of", *ended)

    async def op_completed(self, say, bit, *tasks):
        children = enumerate(tasks, bit)
        children = [self.loop.create_task(self.child(task, bit)) for bit, task in children]
        for following in asyncio.as_completed(children):
            what = "ok"
            try:
                await following
            except Failed:
                what = "failed"
            except asyncio.CancelledError:
                if asyncio.current_task().cancelling():
                    raise
                what = "cancelled"
            say("next", what)

    async def op_shield(self, say, task):
        self.spawn(task)
        inner = self.handles[task[0]]
        self.joined.add(task[0])
        try:
            await self.occupied_with(say, asyncio.shield(inner))
        except Failed:
            pass
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():
                raise
        say("shielded", task[0], outcome(inner))

    async def op_group(self, say, bit, *parts):
        say(await self.owning(say, self.group(say, bit, parts)))

    async def group(self, say, bit, parts):
        what, parent = "group ok", asyncio.current_task()
        asked = parent.cancelling()
        try:
            async with asyncio.TaskGroup() as group:
                group._tasks = InOrder()
                for child, task in enumerate(filter(is_task, parts), bit + 1):
                    group.create_task(self.child(task, child))
                try:
                    await self.run_body(say, [op for op in parts if not is_task(op)])
                except Failed:
                    await asyncio.sleep(1 << bit + 1 + sum(map(is_task, parts)))
                    raise
        except* Failed as failed:
            what = f"group failed {len(failed.exceptions)}"
            # Made equal (O13.1): 3.11 forgets to take its own cancel of the parent back.
            while parent.cancelling() > asked:
                parent.uncancel()
        await asyncio.sleep(1 << bit)
        return what

    async def op_timeout(self, say, ticks, bit, *body):
        try:
            async with asyncio.timeout(ticks * TICK + 2**bit):
                await self.guarded(say, body)
        except TimeoutError:
            say("timed out")

    async def op_deadline(self, say, ticks, bit, *body):
        try:
            async with asyncio.timeout(ticks * TICK + 2**bit) as limit:
                say.limits.append(limit)
                try:
                    await self.guarded(say, body)
                finally:
                    say.limits.pop()
        except TimeoutError:
            say("timed out")

    async def guarded(self, say, body):
        try:
            await self.run_body(say, body)
        finally:
            say("out of timeout")

    async def op_move(self, say, ticks, bit):
        say.limits[-1].reschedule(self.loop.time() + ticks * TICK + 2**bit)
        say("moved")

    async def op_fail(self, say):
        raise Failed


def play(program):
    loop = VirtualLoop()
    loop.set_exception_handler(lambda loop, context: None)
    born = []

    def factory(loop, coroutine, **settings):
        task = asyncio.Task(coroutine, loop=loop, **settings)
        born.append(task)
        return task

    loop.set_task_factory(factory)
    world = World(loop, born)

    async def main():
        for task in program:
            world.spawn(task)
        await asyncio.sleep(LONG)

    loop.run_until_complete(main())
    # Made equal (O22.1): asyncio.run cancels what is left in no order; this is oldest first.
    while left := [task for task in born if not task.done()]:
        for task in left:
            task.cancel()
        loop.stop()
        loop.run_forever()
    loop.close()
    return ";".join(world.trace)


def read(words):
    parts = []
    for word in words:
        if word == "(":
            parts.append(read(words))
        elif word == ")":
            break
        else:
            parts.append(int(word) if word.isdigit() else word)
    return parts


def main():
    print(sys.version.split()[0], flush=True)
    for line in sys.stdin:
        words = iter(line.replace("(", " ( ").replace(")", " ) ").split())
        print(play(read(words)[0]), flush=True)


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("this needs Python 3.11 or later: task groups and timeouts")
    main()
