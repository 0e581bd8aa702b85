import asyncio

async def main():
    loop = asyncio.get_running_loop()

    def second():
        print("second, and it asks for two more")
        loop.call_soon(print, "fifth, asked for by the second")
        loop.call_soon(print, "sixth, asked for by the second")

    loop.call_soon(print, "first")
    loop.call_soon(second)
    never = loop.call_soon(print, "this is never printed")
    never.cancel()
    loop.call_soon(print, "third")
    loop.call_soon(print, "fourth")
    await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(main())
