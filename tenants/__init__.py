"""On whose behalf and for how long: tenants, their registry, sessions, epochs, seals."""
