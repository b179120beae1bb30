"""Reading tables row by row and describing their columns; no job type by itself."""
