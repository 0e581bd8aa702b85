import asyncio

async def work():
    print("the task begins")

async def main():
    task = asyncio.create_task(work())
    for line in 1, 2, 3:
        print(f"line {line} after create_task")
    await task

asyncio.run(main())
