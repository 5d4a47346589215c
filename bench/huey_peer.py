# SPDX-License-Identifier: Apache-2.0
"""Huey as a peer: SqliteHuey, one consumer, tasks that do nothing.

Prints one JSON object: {"rate": jobs a second from first enqueue to last completion, "seconds": how
long that took, "note": ...}, or {"missing": why}. Enqueues all, then drains, as its own benchmark does.
"""
import json
import sys
import tempfile
import threading
import time

# Some three seconds of either.
COUNT = 5_000 if "--fsync" in sys.argv else 20_000


def main() -> None:
    try:
        import huey
    except ImportError:
        print(json.dumps({"missing": "python3 has no huey; install it to compare"}))
        return
    fsync = "--fsync" in sys.argv
    with tempfile.TemporaryDirectory() as folder:
        queue = huey.SqliteHuey(filename=folder + "/huey.db", fsync=fsync, results=False)
        left = [COUNT]
        over = threading.Event()

        @queue.task()
        def noop(payload):
            left[0] -= 1
            if left[0] == 0:
                over.set()

        start = time.perf_counter()
        for _ in range(COUNT):
            noop("x" * 100)
        consumer = queue.create_consumer(workers=1)
        consumer.start()
        over.wait()
        took = time.perf_counter() - start
        consumer.stop(graceful=True)
    version = getattr(huey, "__version__", "?")
    print(json.dumps({
        "rate": COUNT / took,
        "seconds": took,
        "note": f"huey {version}, SqliteHuey(fsync={fsync}), 1 worker thread, {COUNT} tasks, "
                f"Python {sys.version.split()[0]}",
    }))


main()
