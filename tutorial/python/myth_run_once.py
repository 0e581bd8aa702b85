import asyncio
from concurrent.futures import ThreadPoolExecutor

async def give(number):
    return number

def run(number):
    return asyncio.run(give(number))

print("one after another:", [run(number) for number in range(3)])
with ThreadPoolExecutor(3) as threads:
    print("in three threads:", list(threads.map(run, range(3))))

async def inside():
    coroutine = give(0)
    try:
        asyncio.run(coroutine)
        return False
    except RuntimeError:
        coroutine.close()
        return True

print("one inside another is refused:", asyncio.run(inside()))
