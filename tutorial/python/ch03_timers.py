import asyncio, time

async def main():
    loop = asyncio.get_running_loop()
    start = loop.time()

    def at(name):
        print(f"{int((loop.time() - start) * 10):>3} tenths: {name}")

    loop.call_later(0.3, at, "three")
    loop.call_later(0.1, at, "one, set first")
    loop.call_later(0.1, at, "one, set second")
    loop.call_later(0.2, at, "two, which is cancelled").cancel()
    loop.call_later(0.4, time.sleep, 0.25)
    loop.call_later(0.5, at, "five")
    loop.call_later(0.6, at, "six")
    loop.call_later(0.75, at, "seven and a half")
    loop.call_later(0, at, "zero")
    await asyncio.sleep(1)

asyncio.run(main())
