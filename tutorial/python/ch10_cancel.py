import asyncio

async def work(name, seconds):
    try:
        print(f"  {name} begins")
        await asyncio.sleep(seconds)
        print(f"  {name} is done")
        return "its work"
    finally:
        print(f"  {name} cleans up")

async def refuse():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        print("  no")
    return "something else"

async def ask_to_end(task):
    print(f"  cancel: {task.cancel()}, and again: {task.cancel()}")
    try:
        print("  the outcome:", await task)
    except asyncio.CancelledError:
        print("  the outcome: CancelledError")

async def main():
    print("before it begins")
    await ask_to_end(asyncio.create_task(work("early", 10)))

    print("while it waits")
    task = asyncio.create_task(work("waiting", 10))
    await asyncio.sleep(0.1)
    await ask_to_end(task)

    print("when it is over")
    task = asyncio.create_task(work("over", 0.1))
    await asyncio.sleep(0.2)
    await ask_to_end(task)

    print("one that refuses")
    task = asyncio.create_task(refuse())
    await asyncio.sleep(0.1)
    await ask_to_end(task)

asyncio.run(main())
