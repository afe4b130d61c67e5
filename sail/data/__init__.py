"""Episodes on disk, the windows that training cuts from them, and their conversion to other formats."""
