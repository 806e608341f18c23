"""Pictures that people bring: how often the network that doubts them (doubt.py) is right to."""

GROUPS = {}
NEEDED = {"test": {}, "validation": {}}
RESPLIT = []
BENCHES = {"doubt": "studies.pictures.doubt"}
