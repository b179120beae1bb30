"""How messages come in: what is declared, what a delivery is, and the gate that closes."""
