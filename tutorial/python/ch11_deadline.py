import asyncio

async def ask(attempt):
    seconds, answer = {1: (6.0, "at last"), 2: (0.1, None), 3: (0.2, "welcome")}[attempt]
    await asyncio.sleep(seconds)
    if answer is None:
        raise ConnectionError("too busy")
    return answer

async def tries(name, each):
    loop = asyncio.get_running_loop()
    start, pause = loop.time(), 0.1
    for attempt in 1, 2, 3:
        print(f"{loop.time() - start:.1f} s, {name}: try {attempt}")
        try:
            async with asyncio.timeout(each):
                return await ask(attempt)
        except (ConnectionError, TimeoutError) as error:
            last = error
        await asyncio.sleep(pause)
        pause *= 2
    raise last

async def call(name, each, all):
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        async with asyncio.timeout(all):
            outcome = await tries(name, each)
    except (ConnectionError, TimeoutError) as error:
        outcome = type(error).__name__
    print(f"{loop.time() - start:.1f} s, {name}: {outcome}")

async def main():
    await asyncio.gather(call("patient", None, None), call("each", 0.5, None), call("all", 0.5, 0.8))

asyncio.run(main())
