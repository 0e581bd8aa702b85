import asyncio

async def beat():
    try:
        number = 1
        while True:
            print("  beat", number)
            number += 1
            await asyncio.sleep(0.1)
    finally:
        print("  beat is cancelled")

async def first():
    global task
    task = asyncio.create_task(beat())
    await asyncio.sleep(0.15)
    return 42

with asyncio.Runner() as runner:
    print("first run")
    answer = runner.run(first())
    print(f"it gives {answer}; the loop stands still, and so does the beating task")
    print("second run")
    runner.run(asyncio.sleep(0.1))
    print("close")
print("closed")
