"""What else was measured, a folder for each study; what they share lies beside the folders.

A study gives, in __init__.py: GROUPS, its experiments; NEEDED, how many seeds of which group its report needs on which
split; RESPLIT, the experiments that also run on resplit-K with seed K, for K from 0 to 9; perhaps KEPT, those whose
weights are kept, BENCHES, modules that measure, EXPORTS, modules that write a network as a file, note(), a line on an
experiment for the listing, and in collected.py collect(), which writes the data that its experiments need.
In report.py: statements(), blocks() and figures(). Perhaps in commands.py: add_commands(), its own commands.
A new study is one folder, one name here and one block in the README.
"""

STUDIES = ("ladder", "published", "frontier", "sprint", "pictures", "own_data", "bytes")
