"""The pipeline against kills, full disks, malformed files, faulty days and itself, judged from outside.

Nothing here looks inside a running pipeline: it is started as a process, pointed at the fake GitHub by its environment,
and judged by its exit code, its output, its files and the rows in its DuckDB file. The truth is what the fake GitHub
served. `test_chaos.py` is the small size, `python -m copilot_etl_tests.chaos` the full one; both run the same parts.

Most runs go through `walk.py` instead of `python -m copilot_etl`: the same command line, but without Dagster and the
models, since those cost eight of nine seconds and a kill needs two runs. Each part has some runs of the whole command.
"""
