import asyncio

async def main():
    future = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda f: print("a done-callback hears", f.result()))

    async def wait():
        print("a task has waited, and gets", await future)

    early = asyncio.create_task(wait())
    await asyncio.sleep(0)  # let it begin to wait

    print("before: done is", future.done())
    future.set_result(7)
    print("after: done is", future.done(), "and nobody has been told")

    await early
    print("who comes late gets it at once:", await future)
    try:
        future.set_result(8)
    except asyncio.InvalidStateError as error:
        print("a second time:", type(error).__name__)

asyncio.run(main())
