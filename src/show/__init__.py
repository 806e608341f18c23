"""What a notebook shows of runs: pictures, tables, sentences, and the comparison of two experiments."""
