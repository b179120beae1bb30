"""A team's job types."""
