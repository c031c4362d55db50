"""`python -m copilot_etl` is `copilot-etl`."""

from copilot_etl.cli import main

main(prog_name="copilot-etl")
