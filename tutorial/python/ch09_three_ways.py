import asyncio

THREE = [("ann", 0.3), ("ben", 0.2), ("cem", 0.1)]

async def ask(who, seconds):
    await asyncio.sleep(seconds)
    if who == "ben":
        raise LookupError("ben does not know")
    return who

def asked():
    return [asyncio.create_task(ask(*one), name=one[0]) for one in THREE]

async def main():
    print("all, in the order of asking")
    print(" ", await asyncio.gather(*asked(), return_exceptions=True))

    print("the first, and nobody within 0.05 s more")
    tasks = asked()
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    print(" ", len(done), len(pending))
    done, pending = await asyncio.wait(pending, timeout=0.05)
    print(" ", len(done), len(pending))
    for task in pending:
        task.cancel()

    print("each as it comes")
    for coming in asyncio.as_completed(asked()):
        try:
            print(" ", await coming)
        except LookupError as error:
            print(" ", error)

asyncio.run(main())
