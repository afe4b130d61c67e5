"""What a run looks like: media files, the HTML report and the live table in the terminal."""
