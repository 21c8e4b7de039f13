"""What the agreement makes of this node: who belongs, and by which terms it works (PROTOCOL 7).

In: the nodes in effect, the agreement, this node's own keys, the configuration as written. Out: the roll; the configuration as it counts,
never looser than the terms; the body types that may be published and kept. Nothing is done here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from node.config import Config
from node.errors import N_, OperatorError
from node.flows.trust.log_keys import listed
from node.protocol import keys
from node.protocol.agreement import Agreement, Node, Status, Terms
from node.protocol.log_name import authority
from node.protocol.member import Member, Roll
from node.protocol.routine import Changes, effective, joined

PROFILE, PARTITION, STATISTICS = "profile/1", "partition/1", "statistics/1"
TYPE_NOT_AGREED = "body-type-not-agreed"


@dataclass(frozen=True, slots=True)
class InForce:
    """The newest version, the routine changes since, and the nodes as both make them; ``former``: request keys that nodes gave up."""

    agreement: Agreement
    routine: Changes | None
    nodes: tuple[Node, ...]
    former: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, agreement: Agreement, routine: Changes | None, former: Mapping[str, tuple[bytes, ...]] | None = None
    ) -> InForce:
        """Return what the documents say together; of the routine ones those that this version leaves anything to say."""
        held = None if routine is None else joined(agreement, routine.documents)
        return cls(agreement, held, effective(agreement, held), former or {})

    @property
    def at(self) -> tuple[int, str, tuple[str, ...]]:
        """What tells it from any other: version, digest, digests of the routine documents."""
        return self.agreement.version, self.agreement.digest, self.routine.digests if self.routine else ()

    def node(self, node_id: str) -> Node | None:
        """Return a node as it is now; None for a stranger."""
        return next((node for node in self.nodes if node.id == node_id), None)


def member_of(node: Node, url: str | None, former: tuple[bytes, ...] = ()) -> Member:
    """Return a listed node as a member; ``url`` is None for this node itself."""
    # As they are listed, the newest last, each once: a log's keys may serve its later years.
    signing = dict.fromkeys(
        keys.parse_vkey(vkey).public for held in listed(node).values() for vkey, until in held if until is None
    )
    named = {authority(origin) for origin in node.origins} | {key.keyid.partition("#")[0] for key in node.http}
    return Member(
        id=node.id,
        url=url,
        http={key.keyid: key.public for key in node.http},
        witness=node.witness,
        mirror=node.mirror,
        seal=node.seal,
        authorities=frozenset({*named, node.authority}),
        log=tuple(signing),
        former=former,
    )


def roll_of(in_force: InForce, own: Member) -> Roll:
    """Return who belongs; ``own`` is this node by its own keys, which count while it is not an active member.

    Raises: CallerError(member-key-reused): a stranger that holds a member's key is nobody.
    """
    former = in_force.former
    active = [node for node in in_force.nodes if node.status is Status.ACTIVE]
    suspended = [node for node in in_force.nodes if node.status is Status.SUSPENDED and node.id != own.id]
    # Suspended or gone, this node's entry is not in the roll: it goes by its own keys, and nobody hears it.
    own_entry = next((member_of(node, None, former.get(node.id, ())) for node in active if node.id == own.id), own)
    return replace(
        Roll.of(
            own_entry,
            [member_of(node, node.url, former.get(node.id, ())) for node in active if node.id != own.id and node.url],
            [member_of(node, node.url) for node in suspended],
            in_force.agreement.quorum,
        ),
        version=in_force.agreement.version,
        routine=in_force.routine.version if in_force.routine else 0,
        routines=in_force.routine.digests if in_force.routine else (),
        terms=in_force.agreement.terms,
        expires=in_force.agreement.expires,
        own_status=mine.status if (mine := in_force.node(own.id)) else None,
    )


def tightened(config: Config, terms: Terms | None) -> Config:
    """Return a configuration no looser than the terms; without an agreement, as it is written."""
    if terms is None:
        return config
    privacy, retention, federation = config.privacy, config.retention, config.federation
    k = max(privacy.k, terms.k_min)
    return replace(
        config,
        privacy=replace(privacy, k=k, k_build=max(privacy.k_build, k)),
        retention=replace(retention, introductions_days=min(retention.introductions_days, terms.introductions_days)),
        federation=replace(federation, keep_epochs_days=min(federation.keep_epochs_days, terms.keep_epochs_days)),
        agreed=terms.data,
    )


def is_agreed(agreed: Collection[str] | None, body_type: str) -> bool:
    """Tell whether bodies of a type may be published and kept, ``agreed`` being the types of the terms (None: there are none).

    A profile can't be checked without its partition: the one brings the other.
    """
    if agreed is None or body_type in agreed:
        return True
    return body_type == PARTITION and PROFILE in agreed


def check_group(config: Config, known: Iterable[str]) -> None:
    """Refuse a group of nodes that name somebody who was never in the federation. Raises: OperatorError(config-bad-value)."""
    strangers = set(config.privacy.group) - {*known, config.node.id}
    if strangers:
        raise OperatorError(
            "config-bad-value",
            N_("{ids}: non sono tra i nodi della federazione"),
            where="node.toml [privacy] group",
            hint=N_("scrivere gli id con cui gli altri nodi sono conosciuti: «rete peer list» li elenca"),
            ids=", ".join(sorted(strangers)),
        )
