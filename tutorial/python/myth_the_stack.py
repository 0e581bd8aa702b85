import types

@types.coroutine
def wait_once():
    yield

async def inner():
    await wait_once()
    return 7

async def outer():
    return await inner() + 1

coroutine = outer()
print("no loop and no task; first push:", coroutine.send(None))
try:
    coroutine.send(None)
except StopIteration as end:
    print("second push:", end.value)
