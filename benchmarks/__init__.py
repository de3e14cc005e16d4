"""Every figure of docs/benchmarks.md, with peers and physical limits in the same run (性能の測定)."""
