"""Results for people: clips, plots, the HTML report, and the live table in the terminal."""
