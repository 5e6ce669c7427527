"""Who acts. Equality is all three members: the same subject at another issuer is somebody else."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A subject of an issuer acting through a client (RFC 9068 `iss`, `sub`, `client_id`)."""

    issuer: str
    subject: str
    client_id: str
