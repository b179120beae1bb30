"""How every process of the house lives: settings, logs, probes, shutdown, pacing."""
