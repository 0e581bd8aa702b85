import asyncio, logging

logging.disable(logging.CRITICAL)  # else: Task was destroyed but it is pending!

async def leftover(seen):
    try:
        await asyncio.sleep(9)
    finally:
        seen.append(True)

async def main(seen):
    seen.task = asyncio.create_task(leftover(seen))
    await asyncio.sleep(0)

class Seen(list):
    pass

seen = Seen()
loop = asyncio.new_event_loop()
loop.run_until_complete(main(seen))
loop.close()
print("turned only: the leftover is cleaned up:", bool(seen))

seen = Seen()
asyncio.run(main(seen))
print("run: the leftover is cleaned up:", bool(seen))
