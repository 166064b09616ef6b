"""The keys of the interface that a virtual router may have to itself.  Pure."""

from __future__ import annotations

from havip.config.addresses import HostAddress
from havip.config.devices import Ipvlan, IpvlanMode, VirtualMac
from havip.config.fields import Field, Group
from havip.config.keys.names import INTERFACE
from havip.config.kinds import Flag, Text, Whole, Word

MAC = Text(
    'a MAC address of six octets such as "02:00:00:00:00:01", or of five, to which the VRID is appended',
    r"^[0-9A-Fa-f][02468ACEace](?::[0-9A-Fa-f]{2}){4,5}$",  # the lowest bit of the first: a group
    longest=17,
)


class HeldAddress(HostAddress):
    """A host's address, kept as text."""

    def read(self, text: str) -> str:  # type: ignore[override]
        return str(super().read(text))

    def written(self, value: str) -> str:  # type: ignore[override]
        return value


LINK_GROUP = Field("group", Whole(0, 2_147_483_647), "the link group of that interface, as in ip-link(8)", 7)

VIRTUAL_MAC = Group(
    VirtualMac,
    (
        Field("enabled", Flag(), "hold the addresses on an interface with a virtual MAC address", True),
        Field("name", INTERFACE, 'the name of that interface; usually "vrrp." and the VRID', "vrrp.51"),
        Field(
            "mac",
            MAC,
            "another virtual MAC address than RFC 9568's; five octets: the VRID is appended",
            "02:00:5e:00:01",
        ),
        Field(
            "transmit_on_parent",
            Flag(),
            "send adverts from the MAC address of the interface itself",
            False,
            elsewhere=("vmac_xmit_base", "xmit_base"),
        ),
        LINK_GROUP,
    ),
    short="enabled",
)

IPVLAN = Group(
    Ipvlan,
    (
        Field("enabled", Flag(), "hold the addresses on an ipvlan", True),
        Field("name", INTERFACE, 'the name of that interface; usually "vrrp." and the VRID', "vrrp.51"),
        Field("mode", Word(IpvlanMode), "whether the ipvlans of one interface hear each other", "bridge"),
        Field("address", HeldAddress(), "an address that it has whatever the router's state", "192.0.2.9/24"),
        LINK_GROUP,
    ),
    short="enabled",
)
