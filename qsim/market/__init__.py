"""The rules of the market on columns of numbers: numpy only, no tables, no files."""
