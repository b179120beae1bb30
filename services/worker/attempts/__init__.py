"""Between a delivery and its answer: `execute.py` is the sentence, these are its words."""
