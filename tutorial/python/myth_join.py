import asyncio, threading

async def main():
    loop = asyncio.get_running_loop()
    heard = []

    def ask():
        answered = threading.Event()
        loop.call_soon_threadsafe(answered.set)
        heard.append(answered.wait(timeout=0.05))

    asker = threading.Thread(target=ask)
    asker.start()
    asker.join()  # keeps the loop's thread
    print("the thread asks the loop, the loop waits for the thread: heard:", heard[0])

asyncio.run(main())
