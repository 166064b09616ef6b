"""What must hold between sync groups and virtual routers.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from havip.config.draft import Draft, group_of, list_of
from havip.config.model import OWNER_PRIORITY
from havip.config.problems import Place, Problems, nearest_of, quote
from havip.config.reader import BAD, Read, Reading


def check_groups(root: Reading, drafts: Sequence[Draft], problems: Problems) -> None:
    """Check the members of every sync group."""
    by_name = {draft.router.name: draft for draft in drafts}
    taken: dict[str, tuple[str, Place]] = {}
    for name, read in group_of(root, "sync_groups").items():
        members = list(members_of(read))
        for member, place in members:
            if member not in by_name:
                nearest = nearest_of(member, by_name)
                expected, why = "the name of a virtual router", 'none below "virtual_routers"'
                problems.add(place, quote(member), expected, nearest=nearest, why=why)
            elif member in taken:
                group, where = taken[member]
                by = "it stands" if group == name else f"{quote(group)} has it"
                why = f"{by} in {problems.line(where)}: a virtual router moves with one group, once"
                problems.add(place, f"{quote(member)} again", why=why)
            taken.setdefault(member, (name, place))
        known = [by_name[member] for member, _ in members if member in by_name]
        if len(members) == 1:
            problems.note(members[0][1], "the only member", why="nothing moves together with it")
        if len(known) == len(members) and known:
            check_owners(name, known, members, problems)


def check_owners(
    name: str, known: Sequence[Draft], members: Sequence[tuple[str, Place]], problems: Problems
) -> None:
    """Point at a group of which only a part owns its addresses: the others decide when it is MASTER."""
    if any("priority" in draft.bad for draft in known):
        return
    owners = [draft.router.priority == OWNER_PRIORITY for draft in known]
    if any(owners) and not all(owners):
        place = members[owners.index(True)][1]
        why = f"it is MASTER at the start only if all members of {quote(name)} have priority 255"
        problems.note(place, "an owner of its addresses (priority 255) among others", why=why)


def members_of(read: Read) -> Iterator[tuple[str, Place]]:
    """Yield the members that a group names, and where."""
    if read.value is not BAD:
        for item in list_of(read.value, "members"):
            yield item.value, item.place


def tracks_of(root: Reading) -> Iterator[tuple[tuple[str, ...], Reading]]:
    """Yield the names of each group's members, and what the group tracks."""
    for read in group_of(root, "sync_groups").values():
        if read.value is not BAD:
            yield tuple(name for name, _ in members_of(read)), group_of(read.value, "track")
