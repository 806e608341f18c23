"""What the records say: statistics, tables, sentences, figures, and the README that shows them."""
