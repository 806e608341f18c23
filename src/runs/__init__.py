"""A run that is kept: one run or many, resumed after an interruption, shown while it trains, recorded at its end."""
