import asyncio

async def greet(name):
    print(f"{name}: hello")
    await asyncio.sleep(0.01)
    print(f"{name}: world")

async def main():
    a, b = asyncio.create_task(greet("a")), asyncio.create_task(greet("b"))
    await a
    await b

asyncio.run(main())
