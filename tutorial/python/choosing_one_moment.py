import threading
import time

ball = 0

def play(mine):
    global ball
    start = time.perf_counter()
    while time.perf_counter() - start < 0.01:
        if ball % 2 == mine:
            ball += 1

most = 0
for _ in range(100):
    ball = 0
    other = threading.Thread(target=play, args=(1,))
    other.start()
    play(0)
    other.join()
    most = max(most, ball)
print("the ball changed hands more than 1000 times in 10 ms:", most > 1000)
