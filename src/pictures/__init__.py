"""A picture, whatever it was made with, as images of the digits in it; and whether they may be none."""
