"""Who is calling: tokens, issuers, challenges, scopes, guarded egress, the development issuer."""
