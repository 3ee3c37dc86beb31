"""Speed and size of a room, measured; `make bench` writes results.json and docs/benchmarks.md."""

import os

# as every program of the room does: numpy's BLAS would spin a thread a core; set before anybody imports it
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
