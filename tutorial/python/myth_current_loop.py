import asyncio

def is_one():
    try:
        asyncio.get_running_loop()
        return True
    except RuntimeError:
        return False

async def inside():
    return is_one()

print("before a run:", is_one())
print("inside:", asyncio.run(inside()))
print("after it:", is_one())
