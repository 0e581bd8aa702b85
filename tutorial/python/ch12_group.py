import asyncio

async def book(what, seconds, is_free):
    try:
        await asyncio.sleep(seconds)
        if not is_free:
            raise LookupError("none is free")
        print(f"  a {what} is booked")
    finally:
        print(f"  {what} is over")

async def trip(is_car_free):
    async with asyncio.TaskGroup() as group:
        for what, seconds, is_free in ("flight", 0.1, True), ("car", 0.2, is_car_free), ("hotel", 0.3, True):
            group.create_task(book(what, seconds, is_free))
        print("  the body is over")

async def main():
    for is_car_free in True, False:
        print("a car is free:", is_car_free)
        start = asyncio.get_running_loop().time()
        told = "all is booked"
        try:
            await trip(is_car_free)
        except* LookupError as errors:
            told = f"{errors.exceptions}"
        print(f"  after {asyncio.get_running_loop().time() - start:.1f} s: {told}")

asyncio.run(main())
