import asyncio

async def work():
    pass

async def main():
    others = lambda: len(asyncio.all_tasks()) - 1
    coroutine = work()
    print(f"called: {others()} tasks besides main")
    task = asyncio.create_task(coroutine)
    print(f"spawned: {others()} task besides main")
    await task

asyncio.run(main())
print("a coroutine is a task:", isinstance(coroutine := work(), asyncio.Task))
coroutine.close()
