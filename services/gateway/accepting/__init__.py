"""How jobs become safe: on record first, then in the broker, then noted as being there."""
