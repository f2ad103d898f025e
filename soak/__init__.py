"""`make soak`: what takes too long for every change — breaking the portal on purpose, and looking whether it held."""
