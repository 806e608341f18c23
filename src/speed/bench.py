"""What the Speed notebook shows, by name; a module has measure() -> JSON values, text(measured), perhaps figure()."""

from src.speed import depthwise, inference, throughput

TIMINGS = {"throughput": throughput, "use": inference, "depthwise": depthwise}
