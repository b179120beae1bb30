"""Many jobs by one request: what it asks for, how it is carried out, what it is answered."""
