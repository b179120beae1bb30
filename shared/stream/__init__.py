"""Subscribe, snapshot, merge: how anything that watches jobs sees each step once and in order."""
