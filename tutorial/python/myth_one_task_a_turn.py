import asyncio

async def main():
    loop = asyncio.get_running_loop()
    ran = passes = 0

    async def work():
        nonlocal ran
        ran += 1

    def count():  # called once in each pass over the queue
        nonlocal passes
        passes += 1
        loop.call_soon(count)

    count()
    tasks = [asyncio.create_task(work()) for _ in range(1000)]
    passes = 0
    await asyncio.sleep(0)
    print(f"{ran} tasks ran in {passes} pass")

asyncio.run(main())
