"""A picture of a digit in, an answer out: weights that are kept, pictures, folded networks, export, the page."""
