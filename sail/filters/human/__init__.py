"""People as judges of episodes: a page on this machine that plays each, and takes a key for what was seen."""
