import asyncio

async def at_once():
    pass

async def count(name, polite):
    for number in 1, 2, 3:
        print(f"{name}{number}")
        await at_once()  # has its value: goes straight on
        if polite:
            await asyncio.sleep(0)  # waits once: the others run

async def main():
    for polite in False, True:
        print("polite:", polite)
        await asyncio.gather(count("a", polite), count("b", polite))

asyncio.run(main())
