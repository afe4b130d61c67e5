"""The filter "vlm": what it asks, of whom, and what the answers mean."""
