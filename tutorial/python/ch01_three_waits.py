import asyncio, time

async def wait(name, start):
    await asyncio.sleep(0.1)
    print(f"{name} ends after {time.monotonic() - start:.1f} s")

async def block(name, start):
    time.sleep(0.2)  # no await: nobody else can run
    print(f"{name} ends after {time.monotonic() - start:.1f} s")

async def main():
    print("one after another:")
    start = time.monotonic()
    for name in "abc":
        await wait(name, start)
    print("together:")
    start = time.monotonic()
    tasks = [asyncio.create_task(wait(name, start)) for name in "def"]
    for task in tasks:
        await task
    print("beside a call that blocks:")
    start = time.monotonic()
    works = [wait("g", start), block("h", start), wait("i", start)]
    for task in [asyncio.create_task(work) for work in works]:
        await task

asyncio.run(main())
