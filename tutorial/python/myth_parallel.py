import asyncio, time

async def work():
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        pass

async def main():
    start = time.monotonic()
    one, other = asyncio.create_task(work()), asyncio.create_task(work())
    await one
    await other
    print(f"twice 0.2 s of computing took {time.monotonic() - start:.1f} s")

asyncio.run(main())
