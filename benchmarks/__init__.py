"""Speed and size of a room, measured; `make bench` writes results.json and docs/benchmarks.md."""
