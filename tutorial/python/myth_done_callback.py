import asyncio

async def main():
    loop = asyncio.get_running_loop()

    async def work():
        print("the task's last line")
        loop.call_soon(print, "a callback that the task asked for")

    task = asyncio.create_task(work())
    task.add_done_callback(lambda _: print("the done-callback"))
    loop.call_soon(print, "a callback that was ready already")
    await task
    await asyncio.sleep(0)

asyncio.run(main())
