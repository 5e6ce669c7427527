"""How the registry's schema came to be: one module a step, run when a registry is opened."""
