"""The filter "human": a page on this machine plays each episode, and a person labels it with a key."""
