"""A picture in, an answer out: weights that are kept, answers, folded networks, export, the page."""
