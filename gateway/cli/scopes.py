"""What `revoke` and `block` are aimed at: options of the command line as one scope."""

from dataclasses import dataclass, replace
from typing import Annotated

import typer

from tenants.revocation_scope import RevocationScope, ScopeKind

GlobalOption = Annotated[bool, typer.Option("--global", help="Everyone, in every tenant.")]
TenantOption = Annotated[
    str | None, typer.Option("--tenant", metavar="TENANT", help="A tenant, or narrow to one.")
]
IssuerOption = Annotated[
    str | None, typer.Option("--issuer", metavar="URL", help="The issuer of --subject.")
]
SubjectOption = Annotated[
    str | None, typer.Option("--subject", metavar="SUB", help="A user: the `sub` of its tokens.")
]
ClientOption = Annotated[
    str | None, typer.Option("--client", metavar="ID", help="A client: its `client_id`.")
]
SessionOption = Annotated[
    str | None,
    typer.Option("--session", metavar="ID", help="A session, by its id (Mcp-Session-Id)."),
]
TokenOption = Annotated[
    str | None, typer.Option("--token", metavar="JTI", help="A token: its `jti`.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """The options as they came."""

    everyone: bool
    tenant: str | None
    issuer: str | None
    subject: str | None
    client: str | None
    session: str | None
    token: str | None

    def scope(self) -> RevocationScope:
        """The one scope that they name. Raises typer.BadParameter when they name none or two."""
        try:
            return RevocationScope(
                kind=self._kind(),
                tenant=self.tenant,
                issuer=self.issuer,
                subject=self.subject,
                client_id=self.client,
                session_key=self.session,
                token_id=self.token,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error).replace("_", "-")) from error

    def _kind(self) -> ScopeKind:
        named = {
            ScopeKind.GLOBAL: self.everyone,
            ScopeKind.USER: self.subject is not None,
            ScopeKind.CLIENT: self.client is not None,
            ScopeKind.SESSION: self.session is not None,
            ScopeKind.TOKEN: self.token is not None,
        }
        kinds = [kind for kind, is_named in named.items() if is_named]
        if len(kinds) > 1:
            raise typer.BadParameter(f"names two things: {' and '.join(kinds)}; give one")
        if not kinds and self.tenant is None:
            message = "name what: --global, --tenant, --subject, --client, --session or --token"
            raise typer.BadParameter(message)
        return kinds[0] if kinds else ScopeKind.TENANT


def renamed(scope: RevocationScope, session_key: str) -> RevocationScope:
    """The scope of a session under the name that it is kept by; ids are not kept anywhere."""
    return replace(scope, session_key=session_key)


def in_words(scope: RevocationScope) -> str:
    """The scope as a person reads it."""
    members = [f"{name.replace('_', ' ')} {value}" for name, value in scope.members().items()]
    return ", ".join(members) or "everyone, everywhere"
