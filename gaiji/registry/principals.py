"""Who may act: principals and their API keys (利用者と APIキー). Deny by default."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gaiji.errors import AlreadyRegistered, BadName, Forbidden, NotFound, Unauthorized
from gaiji.registry.db import now
from gaiji.registry.journal import Act, Actor, act, check_label, effect, head
from gaiji.registry.members import find_member
from gaiji.registry.tables import ApiKey, IdempotencyKey, Json, Principal

# What each role may do; registrars and integrators only for the members of their principal.
ROLES: dict[str, frozenset[str]] = {
    "operator": frozenset(
        {
            *("member", "codeset", "import", "decide", "policy", "publish", "adopt"),
            *("token", "convert", "read"),
        }
    ),
    "secretariat": frozenset(
        {"member", "codeset", "import", "decide", "policy", "publish", "adopt", "read"}
    ),
    "committee": frozenset({"decide", "read"}),
    "reviewer": frozenset({"decide", "read"}),
    "registrar": frozenset({"codeset", "import", "convert", "read"}),
    "integrator": frozenset({"import", "convert", "read"}),
    "vendor": frozenset({"read"}),
    "auditor": frozenset({"read"}),
}
SCOPED = frozenset({"registrar", "integrator"})
ANSWERS_KEPT = timedelta(days=7)


@dataclass(frozen=True)
class Caller:
    """An authenticated principal: who acts, and for which members (None: all)."""

    actor: Actor
    members: frozenset[str] | None

    def check(self, deed: str, member: str | None = None) -> Actor:
        """Return the actor if this role may do this deed for this member. Raises Forbidden."""
        actor = self.check_role(deed)
        if self.members is None or (member is not None and member in self.members):
            return actor
        raise self._forbidden()

    def check_role(self, deed: str) -> Actor:
        """Return the actor if this role may do this deed, for whichever member. Raises Forbidden."""
        if deed in ROLES.get(self.actor.role, frozenset()):
            return self.actor
        raise self._forbidden()

    def _forbidden(self) -> Forbidden:
        return Forbidden(
            f"{self.actor.name}({self.actor.role})にはこの操作の権限がありません。事務局に確かめてください。",
            f"{self.actor.name} ({self.actor.role}) may not do this; ask the secretariat.",
        )


def create_key(
    session: Session,
    actor: Actor,
    name: str,
    role: str,
    members: list[str] | None = None,
    expires_at: str | None = None,
) -> str:
    """Make an API key for a principal, new or known with the same role, and return it: the only time.

    A key is `gaiji_<id>_<256 random bits>`; its sha256 alone is kept. Raises BadName for an unknown role
    or a registrar or integrator without members, UnknownMember, AlreadyRegistered.
    """
    name, members = check_label(name, "利用者の名前", "the principal"), sorted(members or [])
    if role not in ROLES or (role in SCOPED) != bool(members):
        raise BadName(
            f"役割 {role} と構成市の組み合わせが違います。役割は {'・'.join(ROLES)}、"
            f"構成市を付けるのは {'・'.join(sorted(SCOPED))} だけです。",
            f"Role {role} and members do not fit: roles are {', '.join(ROLES)}; "
            f"only {', '.join(sorted(SCOPED))} take members, and need them.",
        )
    for member in members:
        find_member(session, member)
    known = session.get(Principal, name)
    if known is not None and (known.role, known.members) != (role, members):
        raise AlreadyRegistered(
            f"{name} は別の役割で登録済みです。別の名前にしてください。",
            f"{name} is registered in another role; take another name.",
        )
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = f"gaiji_{key_id}_{secret}"
    after = {
        "principal": name,
        "role": role,
        "members": members,
        "sha256": sha256(key.encode()).hexdigest(),
        "expires_at": expires_at,
    }
    act(session, actor, "token.create", key_id, after)
    return key


@effect("token.create")
def _key_created(session: Session, act: Act) -> None:
    after = act.after
    if session.get(Principal, after["principal"]) is None:
        principal = Principal(
            name=after["principal"], role=after["role"], members=after["members"], serial=act.serial
        )
        session.add(principal)
        session.flush()
    key = ApiKey(
        id=act.subject,
        principal=after["principal"],
        sha256=after["sha256"],
        created_at=act.at,
        expires_at=after["expires_at"],
        revoked=None,
    )
    session.add(key)


def revoke_key(session: Session, actor: Actor, key_id: str) -> None:
    """End an API key at once. Raises NotFound."""
    key = session.get(ApiKey, key_id)
    if key is None or key.revoked is not None:
        raise NotFound(
            f"有効なAPIキー {key_id} はありません。gaiji token list で確かめてください。",
            f"There is no live API key {key_id}; see gaiji token list.",
        )
    act(session, actor, "token.revoke", key_id, {})


@effect("token.revoke")
def _key_revoked(session: Session, act: Act) -> None:
    key = session.get_one(ApiKey, act.subject)
    key.revoked = act.serial


def all_keys(session: Session) -> list[tuple[ApiKey, Principal]]:
    """Return every API key with its principal, oldest first."""
    query = select(ApiKey, Principal).join(Principal, Principal.name == ApiKey.principal)
    return [
        (key, principal) for key, principal in session.execute(query.order_by(ApiKey.created_at))
    ]


def authenticate(session: Session, key: str) -> Caller:
    """Return who holds an API key. Raises Unauthorized when it is unknown, expired or revoked."""
    digest = sha256(key.encode()).hexdigest()
    row = session.scalar(select(ApiKey).where(ApiKey.sha256 == digest))
    if row is None or row.revoked is not None or (row.expires_at and row.expires_at <= now()):
        raise Unauthorized(
            "APIキーが無効です。期限と失効を確かめ、新しいキーを事務局に求めてください。",
            "The API key is not valid; check its expiry or ask the secretariat for a new one.",
        )
    principal = session.get_one(Principal, row.principal)
    members = frozenset(principal.members) if principal.role in SCOPED else None
    return Caller(Actor(principal.name, principal.role), members)


# --- answers given before (Idempotency-Key)


def recall_answer(session: Session, principal: str, key: str) -> IdempotencyKey | None:
    """Return the answer once given for a principal's Idempotency-Key; others wait until this one ends."""
    head(session)
    return session.get(IdempotencyKey, (principal, key))


def remember_answer(
    session: Session, principal: str, key: str, request: str, status: int, body: Json
) -> None:
    """Keep the answer for an Idempotency-Key; request: sha256 of what was asked. Old ones go."""
    oldest = (datetime.now(UTC) - ANSWERS_KEPT).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.at < oldest))
    row = IdempotencyKey(
        principal=principal, key=key, request=request, status=status, body=body, at=now()
    )
    session.add(row)
    session.flush()
