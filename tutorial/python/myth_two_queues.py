import asyncio

async def say(line):
    print(line)

async def main():
    loop = asyncio.get_running_loop()
    loop.call_soon(print, "1 callback")
    one = asyncio.create_task(say("2 task"))
    loop.call_soon(print, "3 callback")
    other = asyncio.create_task(say("4 task"))
    print("0 whoever asked goes on")
    await one
    await other

asyncio.run(main())
