"""The rows of "Nothing lost" but kills and clicks: real servers that are slow, cut off, gone, or lie."""
