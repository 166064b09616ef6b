"""The keys of one virtual router.  Pure."""

from __future__ import annotations

from havip.clock import ZERO, milliseconds, seconds
from havip.config.fields import LONGEST_WAIT, Field, Group
from havip.config.keys.addresses import ADDRESSES, MORE_ADDRESSES
from havip.config.keys.announce import ANNOUNCE
from havip.config.keys.authentication import AUTHENTICATION, HMAC
from havip.config.keys.cast import MULTICAST, UNICAST
from havip.config.keys.devices import IPVLAN, VIRTUAL_MAC
from havip.config.keys.names import INTERFACE
from havip.config.keys.notify import NOTIFY
from havip.config.keys.routing import ROUTES, RULES
from havip.config.keys.tracking import TRACK
from havip.config.kinds import Choice, Flag, Length, Whole, Word
from havip.config.model import StartAs, VirtualRouter

ROUTER = Group(
    VirtualRouter,
    (
        Field(
            "interface",
            INTERFACE,
            "the network interface that carries the adverts and the addresses",
            "eth0",
            own=True,
            elsewhere=("dev", "device", "nic"),
        ),
        Field(
            "vrid",
            Whole(1, 255),
            "the virtual router identifier, equal on all routers that share the addresses",
            51,
            own=True,
            elsewhere=("virtual_router_id", "router_id", "id"),
        ),
        Field(
            "addresses",
            ADDRESSES,
            "the addresses that the master holds, all of one family, with the prefix length they get",
            ["192.0.2.1/24"],
            own=True,
            elsewhere=("virtual_ipaddress", "virtual_addresses", "vip", "vips", "ip"),
        ),
        Field(
            "excluded_addresses",
            MORE_ADDRESSES,
            "addresses of any family that the master holds beside, and that adverts do not tell of",
            ["2001:db8::1/64"],
            own=True,
            elsewhere=("virtual_ipaddress_excluded",),
        ),
        Field(
            "routes",
            ROUTES,
            "the routes that the master holds",
            [{"to": "198.51.100.0/24", "via": "192.0.2.254"}],
            own=True,
            elsewhere=("virtual_routes",),
        ),
        Field(
            "rules",
            RULES,
            "the routing policy rules that the master holds",
            [{"priority": 1000, "source": "192.0.2.0/24", "table": 100}],
            own=True,
            elsewhere=("virtual_rules",),
        ),
        Field("version", Choice((2, 3)), "the version of VRRP", 3, elsewhere=("vrrp_version",)),
        Field(
            "priority",
            Whole(1, 255),
            "who becomes master: the highest; 255 is kept for the router that owns the addresses",
            150,
        ),
        Field(
            "interval",
            Length(milliseconds(10), seconds(255)),
            "between two adverts: 10ms to 40.95s in steps of 10ms, in VRRPv2 whole seconds from 1s to 255s",
            "1s",
            elsewhere=("advert_int", "advertisement_interval", "advert_interval"),
        ),
        Field("preempt", Flag(), "take over from a weaker master", True, elsewhere=("nopreempt",)),
        Field(
            "preempt_delay",
            Length(ZERO, LONGEST_WAIT),
            "how long a weaker master is followed before taking over from it",
            "30s",
        ),
        Field(
            "down_adverts",
            Whole(1, 100),
            "missed adverts before the master is believed dead",
            3,
            elsewhere=("down_timer_adverts",),
        ),
        Field(
            "start",
            Word(StartAs),
            "how long to listen at the start: `backup`: for Master_Down_Interval; `master`: for one interval",
            "master",
            elsewhere=("state", "initial_state"),
        ),
        Field(
            "yield_after_stall",
            Flag(),
            "with preempt: false, let a backup be that must have taken over while this host stood still",
            True,
            elsewhere=("timer_expired_backup",),
        ),
        Field("rfc9568", Flag(), "leave the pseudo header out of the VRRPv3 checksum over IPv4", False),
        Field(
            "answer_lower_priority",
            Flag(),
            "as master, answer a weaker master's advert at once",
            True,
            elsewhere=("lower_prio_no_advert", "vrrp_lower_prio_no_advert"),
        ),
        Field(
            "accept",
            Flag(),
            "accept what is sent to the addresses; the owner always does",
            False,
            elsewhere=("no_accept", "accept_mode"),
        ),
        Field(
            "strict",
            Flag(),
            "refuse every key that departs from the RFC",
            True,
            elsewhere=("strict_mode", "vrrp_strict"),
        ),
        Field(
            "announce",
            ANNOUNCE,
            "how often neighbours are told where the addresses are (gratuitous ARP, unsolicited NA)",
            {"repeat": 3, "delay": "2s"},
            elsewhere=("garp_master_delay", "garp_master_repeat", "garp_master_refresh", "garp_interval"),
        ),
        Field(
            "track",
            TRACK,
            "what the priority, or taking part at all, depends on",
            {"scripts": ["web"]},
            elsewhere=("track_interface", "track_script", "track_file", "track_process"),
        ),
        Field(
            "notify",
            NOTIFY,
            "what is run when the state changes, and what else tells of it",
            {"any": "/etc/havip/notify.sh"},
            elsewhere=("notify_master", "notify_backup", "notify_fault", "notify_stop", "smtp_alert"),
        ),
        Field(
            "unicast",
            UNICAST,
            "send adverts to peers one by one instead of to a multicast group",
            {"peers": ["192.0.2.2"]},
            elsewhere=("unicast_peer", "unicast_peers", "unicast_src_ip", "unicast_ttl", "check_unicast_src"),
        ),
        Field(
            "multicast",
            MULTICAST,
            "from which address adverts go to which multicast group",
            {"source": "192.0.2.9"},
            elsewhere=("mcast_src_ip", "mcast_dst_ip"),
        ),
        Field(
            "virtual_mac",
            VIRTUAL_MAC,
            "hold the addresses on an interface with a virtual MAC address, the same on every router",
            {"name": "vrrp.51"},
            elsewhere=("use_vmac", "vmac", "macvlan", "vmac_xmit_base"),
        ),
        Field(
            "ipvlan",
            IPVLAN,
            "hold the addresses on an ipvlan: an interface of the router's own with the same MAC address",
            {"mode": "private"},
            elsewhere=("use_ipvlan",),
        ),
        Field(
            "hmac",
            HMAC,
            "adverts are signed with a shared key, and believed only if they are",
            {"keys": {"1": {"file": "/etc/havip/key1"}}, "active_key": 1},
            elsewhere=("auth_hmac",),
        ),
        Field(
            "authentication",
            AUTHENTICATION,
            "the cleartext password of VRRPv2, for routers that know nothing better",
            {"type": "pass", "password": "secret"},
        ),
    ),
)

DEFAULTS = Group(VirtualRouter, tuple(field for field in ROUTER.fields if not field.own))
