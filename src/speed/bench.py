"""The timings by name. Each module measures, measure(), and shows it as Markdown, text(), and as a figure, figure().

What is measured are JSON values, kept in results/bench/ (see timing.py).
"""

from src.speed import accuracy, growth, throughput

TIMINGS = {"throughput": throughput, "accuracy": accuracy, "growth": growth}
