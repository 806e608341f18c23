"""A run that is kept: resumed after an interruption, shown while it trains, recorded at its end."""
