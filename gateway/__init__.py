"""The door and the road: protocol, admission, routing, forwarding, listeners, composition, CLI."""
