import asyncio

async def echo(reader, writer):
    total = 0
    while data := await reader.read(4):
        writer.write(data)
        await writer.drain()
        total += len(data)
    writer.close()
    done.set_result(total)

async def main():
    global done
    done = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"one thread, many waits")
    writer.write_eof()
    print("the client hears:", (await reader.read()).decode())
    print(f"the server has echoed {await done} bytes")
    writer.close()
    server.close()

asyncio.run(main())
