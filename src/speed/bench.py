"""Everything that is timed, by name; a module has measure() -> JSON values, text(measured), mostly figure(measured)."""

from src.speed import accuracy, growth, inference, throughput

TIMINGS = {"throughput": throughput, "accuracy": accuracy, "growth": growth, "use": inference}
