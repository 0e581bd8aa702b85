import asyncio, time

async def main():
    loop = asyncio.get_running_loop()
    start = loop.time()
    loop.call_later(0.05, lambda: print(f"asked for 0.05 s, called at {loop.time() - start:.1f} s"))
    time.sleep(0.3)  # nobody gives way
    await asyncio.sleep(0.1)

asyncio.run(main())
