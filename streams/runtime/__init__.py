"""One small adapter per runtime concern: all that the processors know of quixstreams beyond its dataframe."""
