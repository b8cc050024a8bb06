"""The project beside what people would use instead: ``python -m benchmarks.peers``.

Each module holds the contests of one kind of work. Everyone is given the same arrays, in a process
of its own with as many threads, and what comes back is measured by one and the same judge.
"""
