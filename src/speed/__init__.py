"""Our loop and the usual one, timed on one machine in one run. Nothing here is needed to train.

Each module of TIMINGS measures something, measure(), and shows what came out as Markdown, text(measured), and as a
figure, figure(measured); measured are JSON values, kept in results/bench/.
"""

from src.speed import accuracy, growth, throughput

TIMINGS = {"throughput": throughput, "accuracy": accuracy, "growth": growth}
