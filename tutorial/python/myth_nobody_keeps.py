import asyncio, gc, logging

logging.disable(logging.CRITICAL)  # else: Task was destroyed but it is pending!

async def work():
    await asyncio.get_running_loop().create_future()  # nobody else has it

async def main():
    asyncio.create_task(work())
    await asyncio.sleep(0)
    print("nobody has kept it, and it is there:", len(asyncio.all_tasks()) - 1 == 1)
    gc.collect()
    print("after a collection of garbage:", len(asyncio.all_tasks()) - 1 == 1)

asyncio.run(main())
