import asyncio

async def at_once():
    pass

async def main():
    seen = []

    async def other():
        seen.append(True)

    task = asyncio.create_task(other())
    for _ in range(100_000):
        await at_once()
    print("after 100000 awaits that have their value: another ran:", bool(seen))
    await asyncio.sleep(0)
    print("after one that has to wait: another ran:", bool(seen))

asyncio.run(main())
