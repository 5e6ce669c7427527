"""The room before the road: which backend a call goes to, and whether this caller may use it.

Rules:
 1. `Permit` is made by `permit` alone, and only a `Permit` can be forwarded.
 2. Routing and policy read the scanned body, never a header.
 3. Denied is answered like unknown: the same bytes, after the same look at the backends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auth.access import Allow, Deny, Needs
from auth.errors import InsufficientScope
from gateway.admission import Admission
from gateway.backends.peer import BackendPeer
from gateway.errors import InvalidParams, UnknownMethod
from gateway.protocol.envelope import META
from gateway.protocol.messages import Request, string_param
from gateway.protocol.param_headers import ParamHeader
from gateway.protocol.raw_json import read_object, read_string, write_object, write_value
from gateway.protocol.revisions import Era


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Proof that this call may go to this backend. `params` are raw, in the backend's own names."""

    admission: Admission
    peer: BackendPeer
    method: str
    params: Mapping[str, bytes]
    target: str = ""
    """The resolved name of the tool or prompt as the endpoint shows it."""
    param_headers: Sequence[ParamHeader] = ()


def check_method(admission: Admission, method: str) -> None:
    """Judge the method by itself.

    Raises:
        InsufficientScope: naming all scopes that the method needs here.
    """
    access = admission.endpoint.endpoint.access
    decision = access.decide(admission.token.scopes, method=method)
    if isinstance(decision, Needs):
        raise InsufficientScope(decision.scopes)


async def permit(admission: Admission, request: Request, era: Era) -> Permit:
    """Route a call and judge it.

    Raises:
        InsufficientScope: allowed with more scopes; names all of them.
        UnknownTool, UnknownPrompt, UnknownResource: nobody's, or denied.
        BackendFailure: its backend cannot be had.
        InvalidParams: what says where it goes is missing or of the wrong kind.
    """
    match request.method:
        case "tools/call":
            return await _permit_tool(admission, request, era)
        case "prompts/get":
            check_method(admission, request.method)
            return await _permit_prompt(admission, request, era)
        case "resources/read" | "resources/subscribe" | "resources/unsubscribe":
            check_method(admission, request.method)
            return await _permit_resource(admission, request, era)
        case "completion/complete":
            check_method(admission, request.method)
            return await _permit_completion(admission, request, era)
        case _:
            raise UnknownMethod("Method not found")


async def _permit_tool(admission: Admission, request: Request, era: Era) -> Permit:
    endpoint = admission.endpoint
    name = string_param(request, "name")
    decision = endpoint.endpoint.access.decide(
        admission.token.scopes, method=request.method, tool=name
    )
    if isinstance(decision, Deny):
        await endpoint.backends.refuse_tool(era, name)
    peer, shown, fields = await endpoint.backends.tool(era, name)
    match decision:
        case Needs(scopes):
            raise InsufficientScope(scopes)
        case Allow():
            return Permit(
                admission=admission,
                peer=peer,
                method=request.method,
                params=_renamed(request, shown.own_name),
                target=shown.name,
                param_headers=fields,
            )


async def _permit_prompt(admission: Admission, request: Request, era: Era) -> Permit:
    name = string_param(request, "name")
    peer, shown = await admission.endpoint.backends.prompt(era, name)
    return Permit(
        admission=admission,
        peer=peer,
        method=request.method,
        params=_renamed(request, shown.own_name),
        target=shown.name,
    )


async def _permit_resource(admission: Admission, request: Request, era: Era) -> Permit:
    uri = string_param(request, "uri")
    peer = await admission.endpoint.backends.resource_owner(era, uri)
    return Permit(admission=admission, peer=peer, method=request.method, params=_without(request))


async def _permit_completion(admission: Admission, request: Request, era: Era) -> Permit:
    reference = read_object((request.params or {}).get("ref", b"null"))
    if reference is None:
        raise InvalidParams("`ref` must be an object")
    params = _without(request)
    match read_string(reference.get("type")):
        case "ref/prompt":
            name = _member(reference, "name")
            peer, shown = await admission.endpoint.backends.prompt(era, name)
            reference["name"] = write_value(shown.own_name)
            params["ref"] = write_object(reference)
        case "ref/resource":
            uri = _member(reference, "uri")
            peer = await admission.endpoint.backends.resource_owner(era, uri)
        case _:
            raise InvalidParams("`ref.type` must be ref/prompt or ref/resource")
    return Permit(admission=admission, peer=peer, method=request.method, params=params)


def _member(reference: Mapping[str, bytes], name: str) -> str:
    value = read_string(reference.get(name))
    if value is None:
        raise InvalidParams(f"`ref.{name}` must be a string")
    return value


def _renamed(request: Request, own_name: str) -> dict[str, bytes]:
    """The params under the backend's own name; as they came where it is the same."""
    params = _without(request)
    params["name"] = write_value(own_name)
    return params


def _without(request: Request) -> dict[str, bytes]:
    params = dict(request.params or {})
    params.pop(META, None)
    return params
