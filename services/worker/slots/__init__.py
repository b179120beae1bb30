"""Where handlers run: child processes that can be limited, frozen and killed."""
