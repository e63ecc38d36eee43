"""Run the command line as `python -m qsim`."""

from qsim.cli import entry

if __name__ == "__main__":
    entry()
