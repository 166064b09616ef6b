"""Every receive check and their order: RFC 9568 section 7.1, RFC 3768 section 7.1.

For each check: a packet that passes it, and one that fails it *and every later check* yet is named
after this one.  So the tests fail if a check is missing, too strict, or out of order.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from havip.clock import Duration
from havip.config.model import ChecksumForm
from havip.errors import Refusal
from havip.vrrp import packet
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings
from tests.vrrp.wire import GROUP_V4, GROUP_V6, ip, message

SOURCE, US = ip("198.51.100.10"), ip("198.51.100.20")
SOURCE_V6 = ip("fe80::10")
VIP = ip("192.0.2.100")
SECOND = Duration(1_000_000_000)

#: payload and TTL that fail the check named, and all that come after it in this table
BROKEN_FROM = {
    Refusal.TTL: (message(version=1, kind=2, count=0, damage=1), 254),
    Refusal.VERSION: (message(version=1, kind=2, count=0, damage=1), 255),
    Refusal.TYPE: (message(kind=2, count=0, damage=1), 255),
    Refusal.LENGTH: (message(count=0, damage=1), 255),
    Refusal.NO_ADDRESSES: (message(addresses=(), damage=1), 255),
    Refusal.CHECKSUM: (message(damage=1), 255),
}


@pytest.mark.parametrize("refusal", BROKEN_FROM)
def test_a_packet_is_refused_by_the_first_check_that_it_fails(refusal: Refusal) -> None:
    payload, ttl = BROKEN_FROM[refusal]
    assert packet.decode(payload, SOURCE, GROUP_V4, ttl) is refusal


@pytest.mark.parametrize(("source", "group"), [(SOURCE, GROUP_V4), (SOURCE_V6, GROUP_V6)])
@pytest.mark.parametrize("ttl", [0, 1, 254])
def test_a_ttl_or_hop_limit_other_than_255_is_refused(source: bytes, group: bytes, ttl: int) -> None:
    addresses = (VIP,) if len(source) == 4 else (ip("fe80::100"),)
    good = message(source=source, addresses=addresses)
    assert isinstance(packet.decode(good, source, group, 255), Advert)
    assert packet.decode(good, source, group, ttl) is Refusal.TTL


@pytest.mark.parametrize("version", [0, 1, 4, 5, 15])
def test_a_version_other_than_2_and_3_is_refused(version: int) -> None:
    assert packet.decode(message(version=version), SOURCE, GROUP_V4, 255) is Refusal.VERSION


def test_vrrp_v2_does_not_exist_over_ipv6() -> None:
    two = message(version=2, source=SOURCE_V6, addresses=(ip("fe80::100"),))
    three = message(version=3, source=SOURCE_V6, addresses=(ip("fe80::100"),))
    assert packet.decode(two, SOURCE_V6, GROUP_V6, 255) is Refusal.VERSION
    assert isinstance(packet.decode(three, SOURCE_V6, GROUP_V6, 255), Advert)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("kind", [0, 2, 3, 15])
def test_a_type_other_than_advertisement_is_refused(version: int, kind: int) -> None:
    assert packet.decode(message(version=version, kind=kind), SOURCE, GROUP_V4, 255) is Refusal.TYPE


@pytest.mark.parametrize("version", [2, 3])
def test_every_cut_of_a_message_is_too_short(version: int) -> None:
    whole = message(version=version, addresses=(VIP, VIP))
    assert isinstance(packet.decode(whole, SOURCE, GROUP_V4, 255), Advert)
    for length in range(len(whole)):
        assert packet.decode(whole[:length], SOURCE, GROUP_V4, 255) is Refusal.LENGTH


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("extra", [1, 2, 4, 8, 1500])
def test_a_message_longer_than_its_header_says_is_refused(version: int, extra: int) -> None:
    tail = bytes((8 if version == 2 else 0) + extra)
    assert packet.decode(message(version=version, tail=tail), SOURCE, GROUP_V4, 255) is Refusal.LENGTH


@pytest.mark.parametrize("count", [0, 2, 255])
def test_a_count_that_is_not_the_number_of_addresses_is_refused(count: int) -> None:
    assert packet.decode(message(count=count), SOURCE, GROUP_V4, 255) is Refusal.LENGTH


def test_addresses_of_the_other_family_do_not_fit() -> None:
    six_in_four = message(addresses=(ip("fe80::100"),), count=1)
    four_in_six = message(source=SOURCE_V6, addresses=(VIP,), count=1)
    assert packet.decode(six_in_four, SOURCE, GROUP_V4, 255) is Refusal.LENGTH
    assert packet.decode(four_in_six, SOURCE_V6, GROUP_V6, 255) is Refusal.LENGTH


def test_vrrp_v2_without_its_authentication_data_is_refused() -> None:
    assert packet.decode(message(version=2, tail=b""), SOURCE, GROUP_V4, 255) is Refusal.LENGTH


@pytest.mark.parametrize("version", [2, 3])
def test_an_advert_for_no_address_is_refused(version: int) -> None:
    assert (
        packet.decode(message(version=version, addresses=()), SOURCE, GROUP_V4, 255) is Refusal.NO_ADDRESSES
    )


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("damage", [1, 0x80, 0x100, 0x8000, 0xFFFE])
def test_a_wrong_checksum_is_refused(version: int, damage: int) -> None:
    assert packet.decode(message(version=version, damage=damage), SOURCE, GROUP_V4, 255) is Refusal.CHECKSUM


@pytest.mark.parametrize(
    ("source", "destination"),
    [(ip("fe80::11"), GROUP_V6), (SOURCE_V6, ip("ff02::13"))],
)
def test_the_ipv6_checksum_covers_both_addresses(source: bytes, destination: bytes) -> None:
    sent = message(source=SOURCE_V6, addresses=(ip("fe80::100"),))
    assert isinstance(packet.decode(sent, SOURCE_V6, GROUP_V6, 255), Advert)
    assert packet.decode(sent, source, destination, 255) is Refusal.CHECKSUM


def test_ipv6_has_no_form_without_the_pseudo_header() -> None:
    bare = bytearray(message(source=SOURCE, addresses=(ip("fe80::100"),), form="message"))
    assert packet.decode(bytes(bare), SOURCE_V6, GROUP_V6, 255) is Refusal.CHECKSUM


def test_vrrp_v2_has_no_form_with_the_pseudo_header() -> None:
    # ab9a + c633+640a + e000+0012 + 0070 + 0014 = 2b66d -> b66f -> 4990
    two = bytes.fromhex("2133c80100014990c00002640000000000000000")
    assert packet.decode(two, SOURCE, GROUP_V4, 255) is Refusal.CHECKSUM


# What depends on our own settings.

BOTH = frozenset(ChecksumForm)
ONLY_MESSAGE = frozenset((ChecksumForm.MESSAGE,))
GOOD = {
    2: Advert(2, 51, 200, SECOND, SOURCE, (VIP,), BOTH),
    3: Advert(3, 51, 200, SECOND, SOURCE, (VIP,), BOTH),
}
OWNER = Settings(2, 51, 255, SECOND, US)
ORDINARY = Settings(2, 51, 100, SECOND, US)

#: settings and advert that fail the check named, and all that come after it in this table
MISFIT_FROM = {
    Refusal.VERSION: (OWNER, Advert(3, 51, 255, Duration(0), US, (VIP,), ONLY_MESSAGE, 1)),
    Refusal.CHECKSUM_FORM: (OWNER, Advert(2, 51, 255, Duration(0), US, (VIP,), ONLY_MESSAGE, 1)),
    Refusal.OWN_PACKET: (OWNER, Advert(2, 51, 255, Duration(0), US, (VIP,), BOTH, 1)),
    Refusal.TWO_OWNERS: (OWNER, Advert(2, 51, 255, Duration(0), SOURCE, (VIP,), BOTH, 1)),
    Refusal.ADDRESS_OWNER: (OWNER, Advert(2, 51, 254, Duration(0), SOURCE, (VIP,), BOTH, 1)),
    Refusal.AUTH_TYPE: (ORDINARY, Advert(2, 51, 200, Duration(0), SOURCE, (VIP,), BOTH, 1)),
    Refusal.INTERVAL: (ORDINARY, Advert(2, 51, 200, Duration(0), SOURCE, (VIP,), BOTH)),
}


@pytest.mark.parametrize("refusal", MISFIT_FROM)
def test_an_advert_is_refused_by_the_first_of_our_settings_that_it_does_not_fit(refusal: Refusal) -> None:
    settings, advert = MISFIT_FROM[refusal]
    assert packet.refuse(settings, advert) is refusal


@pytest.mark.parametrize("version", [2, 3])
def test_an_advert_that_fits_counts(version: int) -> None:
    assert packet.refuse(Settings(version, 51, 100, SECOND, US), GOOD[version]) is None


@pytest.mark.parametrize(("ours", "theirs"), [(2, 3), (3, 2)])
def test_the_other_version_is_refused(ours: int, theirs: int) -> None:
    assert packet.refuse(Settings(ours, 51, 100, SECOND, US), GOOD[theirs]) is Refusal.VERSION


@pytest.mark.parametrize(
    ("demanded", "sent", "verdict"),
    [
        (ChecksumForm.PSEUDO_HEADER, "pseudo-header", None),
        (ChecksumForm.PSEUDO_HEADER, "message", Refusal.CHECKSUM_FORM),
        (ChecksumForm.MESSAGE, "message", None),
        (ChecksumForm.MESSAGE, "pseudo-header", Refusal.CHECKSUM_FORM),
    ],
)
def test_the_other_choice_of_pseudo_header_is_refused_by_its_own_name(
    demanded: ChecksumForm, sent: str, verdict: Refusal | None
) -> None:
    heard = packet.decode(message(form=sent), SOURCE, GROUP_V4, 255)
    assert isinstance(heard, Advert)
    assert packet.refuse(Settings(3, 51, 100, SECOND, US, checksum_form=demanded), heard) is verdict


@pytest.mark.parametrize("form", list(ChecksumForm))
def test_the_choice_of_pseudo_header_means_nothing_to_vrrp_v2_and_ipv6(form: ChecksumForm) -> None:
    two = packet.decode(message(version=2), SOURCE, GROUP_V4, 255)
    six = packet.decode(message(source=SOURCE_V6, addresses=(SOURCE_V6,)), SOURCE_V6, GROUP_V6, 255)
    assert isinstance(two, Advert)
    assert isinstance(six, Advert)
    assert packet.refuse(Settings(2, 51, 100, SECOND, US, checksum_form=form), two) is None
    assert packet.refuse(Settings(3, 51, 100, SECOND, ip("fe80::1"), checksum_form=form), six) is None


@pytest.mark.parametrize("version", [2, 3])
def test_our_own_packet_heard_back_is_refused(version: int) -> None:
    settings = Settings(version, 51, 100, SECOND, SOURCE)
    assert packet.refuse(settings, GOOD[version]) is Refusal.OWN_PACKET


@pytest.mark.parametrize(
    ("priority", "verdict"),
    [
        (0, Refusal.ADDRESS_OWNER),
        (1, Refusal.ADDRESS_OWNER),
        (254, Refusal.ADDRESS_OWNER),
        (255, Refusal.TWO_OWNERS),
    ],
)
def test_the_owner_of_the_addresses_listens_to_nobody(priority: int, verdict: Refusal) -> None:
    advert = replace(GOOD[3], priority=priority)
    assert packet.refuse(Settings(3, 51, 255, SECOND, US), advert) is verdict
    assert packet.refuse(Settings(3, 51, 254, SECOND, US), advert) is None


@pytest.mark.parametrize("auth_type", [1, 2, 3, 255])
def test_a_vrrp_v2_authentication_that_is_not_configured_is_refused(auth_type: int) -> None:
    heard = packet.decode(message(version=2, timing=auth_type << 8 | 1), SOURCE, GROUP_V4, 255)
    assert isinstance(heard, Advert)
    assert packet.refuse(ORDINARY, heard) is Refusal.AUTH_TYPE


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(0, Refusal.INTERVAL), (1, Refusal.INTERVAL), (2, None), (3, Refusal.INTERVAL)]
)
def test_vrrp_v2_refuses_an_interval_that_is_not_ours(seconds: int, verdict: Refusal | None) -> None:
    advert = replace(GOOD[2], interval=Duration(seconds * 1_000_000_000))
    assert packet.refuse(Settings(2, 51, 100, Duration(2_000_000_000), US), advert) is verdict


@pytest.mark.parametrize("centiseconds", [1, 99, 100, 101, 4095])
def test_vrrp_v3_accepts_any_interval_but_zero(centiseconds: int) -> None:
    settings = Settings(3, 51, 100, SECOND, US)
    heard = packet.decode(message(timing=centiseconds), SOURCE, GROUP_V4, 255)
    assert isinstance(heard, Advert)
    assert packet.refuse(settings, heard) is None
    assert packet.refuse(settings, replace(heard, interval=Duration(0))) is Refusal.INTERVAL


def test_vrrp_v3_reserved_bits_do_not_make_an_interval_of_zero_acceptable() -> None:
    heard = packet.decode(message(timing=0xF000), SOURCE, GROUP_V4, 255)
    assert isinstance(heard, Advert)
    assert packet.refuse(Settings(3, 51, 100, SECOND, US), heard) is Refusal.INTERVAL


@pytest.mark.parametrize("version", [2, 3])
def test_a_resignation_is_checked_like_any_other_advert(version: int) -> None:
    settings = Settings(version, 51, 100, SECOND, US)
    resignation = replace(GOOD[version], priority=0)
    assert packet.refuse(settings, resignation) is None
    assert packet.refuse(settings, replace(resignation, interval=Duration(0))) is Refusal.INTERVAL
    assert packet.refuse(settings, replace(resignation, source=US)) is Refusal.OWN_PACKET


@pytest.mark.parametrize(
    ("auth_type", "data", "refusal"),
    [
        (1, b"secret\0\0", None),
        (1, b"secret\0x", Refusal.PASSWORD),
        (1, b"SECRET\0\0", Refusal.PASSWORD),
        (1, bytes(8), Refusal.PASSWORD),
        (0, bytes(8), Refusal.AUTH_TYPE),
        (2, b"secret\0\0", Refusal.AUTH_TYPE),
    ],
)
def test_a_router_with_a_password_believes_those_that_know_it(
    auth_type: int, data: bytes, refusal: Refusal | None
) -> None:
    ours = replace(ORDINARY, version=2, password=b"secret")
    sent = message(version=2, timing=auth_type << 8 | 1, tail=data)
    heard = packet.decode(sent, SOURCE, GROUP_V4, 255)
    assert isinstance(heard, Advert)
    assert packet.refuse(ours, heard) is refusal


def test_without_a_password_the_authentication_data_mean_nothing() -> None:
    heard = packet.decode(message(version=2, tail=b"whatever"), SOURCE, GROUP_V4, 255)
    assert isinstance(heard, Advert)
    assert packet.refuse(replace(ORDINARY, version=2), heard) is None


def test_a_password_is_sent_behind_the_addresses_and_padded_with_zeros() -> None:
    ours = replace(ORDINARY, version=2, password=b"secret", address=SOURCE)
    sent = packet.encode(ours, 200, [VIP], GROUP_V4)
    assert sent == message(version=2, timing=0x0101, tail=b"secret\0\0")
