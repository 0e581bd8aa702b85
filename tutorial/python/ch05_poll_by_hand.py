import asyncio

async def sum_of(first, second):
    print("  it begins")
    a = await first
    print(f"  it has {a}")
    b = await second
    print(f"  it has {a} and {b}")
    return a + b

loop = asyncio.new_event_loop()
first, second = loop.create_future(), loop.create_future()
coroutine = sum_of(first, second)
print("called, and nothing has run")

print("send:", coroutine.send(None) is first)
first.set_result(1)
print("send:", coroutine.send(None) is second)
second.set_result(2)
try:
    coroutine.send(None)
except StopIteration as end:
    print("send: it is over, with", end.value)
loop.close()
