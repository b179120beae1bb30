"""House-wide duties; whichever gateway holds the lease of one does it."""
