"""How jobs are written: what `services.worker` offers to their authors."""
