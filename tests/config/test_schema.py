"""The JSON Schema: valid itself, and of one mind with the reader where a schema can judge."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from havip.config.fields import Field, Group, ListOf, Named, walk
from havip.config.keys import CONFIGURATION
from havip.config.schema import json_schema
from tests.config.reading import complaints

ROOT = Path(__file__).parents[2]
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
EXAMPLES = sorted((ROOT / "etc").rglob("*.yaml"))
BOOK = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/configuration.md").read_text(), re.DOTALL)

BALANCING = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/load-balancing.md").read_text(), re.DOTALL)

GOOD = "{interface: eth0, vrid: 51, addresses: [192.0.2.1/24]}"


def rejected(document: Any) -> list[str]:
    """Return the paths at which the schema rejects a document."""
    return sorted({error.json_path for error in VALIDATOR.iter_errors(document)})


def test_the_schema_is_a_valid_one_of_draft_2020_12() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_schema_accepts_every_file_that_we_ship(path: Path) -> None:
    assert rejected(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize("block", BOOK)
def test_the_schema_accepts_every_example_of_the_book(block: str) -> None:
    assert rejected(yaml.safe_load(block)) == []
    assert complaints(block) == []


@pytest.mark.parametrize("block", BALANCING)
def test_the_schema_accepts_virtual_services_with_and_without_virtual_routers(block: str) -> None:
    assert rejected(yaml.safe_load(block)) == []


def test_the_schema_accepts_groups_whose_lines_are_all_commented_out() -> None:
    assert rejected(yaml.safe_load(f"daemon:\ndefaults:\nvirtual_routers: {{gateway: {GOOD}}}")) == []


REJECTED = {
    "": "$",
    "[]": "$",
    "{}": "$",
    "virtual_routers: {}": "$.virtual_routers",
    "virtual_routers:": "$.virtual_routers",
    "virtual_routers: []": "$.virtual_routers",
    f"virtual_routers: {{a b: {GOOD}}}": "$.virtual_routers",
    "virtual_services: {web: {address: 192.0.2.1, prot: 80}}": "$.virtual_services.web",
    "virtual_services: {web: {fwmark: 7, scheduler: wrrr}}": "$.virtual_services.web.scheduler",
    "virtual_services: {web: }": "$.virtual_services.web",
    "virtual_services: {a/b: {address: 192.0.2.1, port: 80}}": "$.virtual_services",
    "service_defaults: {scheduler: rr}": "$",
    f"virtual_routers: {{{'x' * 65}: {GOOD}}}": "$.virtual_routers",
    "virtual_routers: {a: }": "$.virtual_routers.a",
    "virtual_routers: {a: {vrid: 51, addresses: [192.0.2.1]}}": "$.virtual_routers.a",
    "virtual_routers: {a: {interface: eth0, addresses: [192.0.2.1]}}": "$.virtual_routers.a",
    "virtual_routers: {a: {interface: eth0, vrid: 51}}": "$.virtual_routers.a",
    f"virtual_router: {{}}\nvirtual_routers: {{a: {GOOD}}}": "$",
    f"daemon: {{socket: /run/x}}\nvirtual_routers: {{a: {GOOD}}}": "$.daemon",
    f"daemon: {{control_socket: run}}\nvirtual_routers: {{a: {GOOD}}}": "$.daemon.control_socket",
    f"daemon: {{realtime_priority: 100}}\nvirtual_routers: {{a: {GOOD}}}": "$.daemon.realtime_priority",
    f"daemon: {{lock_memory: 1}}\nvirtual_routers: {{a: {GOOD}}}": "$.daemon.lock_memory",
    f"defaults: {{vrid: 51}}\nvirtual_routers: {{a: {GOOD}}}": "$.defaults",
    f"defaults: {{interval: 1}}\nvirtual_routers: {{a: {GOOD}}}": "$.defaults.interval",
}


@pytest.mark.parametrize(("text", "where"), REJECTED.items())
def test_the_schema_and_the_reader_reject_a_bad_document(text: str, where: str) -> None:
    assert rejected(yaml.safe_load(text)) == [where]
    assert complaints(text) != []


BAD_KEYS = [
    ("interface: eth0/1", ".interface"),
    ("interface: abcdefghijklmnop", ".interface"),
    ("interface: ..", ".interface"),
    ("vrid: 0", ".vrid"),
    ("vrid: 256", ".vrid"),
    ("vrid: many", ".vrid"),
    ("priority: 0", ".priority"),
    ("priority: 1.5", ".priority"),
    ("version: 1", ".version"),
    ("interval: 1", ".interval"),
    ("interval: 1 s", ".interval"),
    ("interval: 1m", ".interval"),
    ("interval: 01s", ".interval"),
    ("preempt: maybe", ".preempt"),
    ("down_adverts: 0", ".down_adverts"),
    ("addresses: 192.0.2.1", ".addresses"),
    ("addresses: []", ".addresses"),
    ("addresses: [192.0.2.1, 192.0.2.1]", ".addresses"),
    ("addresses: [192.0.2.256]", ".addresses[0]"),
    ("addresses: [192.0.2.01]", ".addresses[0]"),
    ("addresses: [192.0.2.1/33]", ".addresses[0]"),
    ("addresses: [192.0.2.1/0]", ".addresses[0]"),
    ("addresses: ['fe80::1/129']", ".addresses[0]"),
    ("addresses: ['fe80::1%eth0']", ".addresses[0]"),
    ("addresses: [router.example]", ".addresses[0]"),
    ("announce: {repeat: 0}", ".announce.repeat"),
    ("announce: {dealy: 1s}", ".announce"),
    ("priorty: 1", ""),
]


@pytest.mark.parametrize(("key", "where"), BAD_KEYS)
def test_the_schema_and_the_reader_reject_a_bad_key(key: str, where: str) -> None:
    keys = {"interface": "interface: eth0", "vrid": "vrid: 51", "addresses": "addresses: [192.0.2.1]"}
    keys[key.split(":")[0]] = key
    text = f"virtual_routers: {{a: {{{', '.join(keys.values())}}}}}"
    assert rejected(yaml.safe_load(text)) == [f"$.virtual_routers.a{where}"]
    assert complaints(text) != []


def test_an_editor_finds_the_meaning_the_range_and_the_default_of_a_key() -> None:
    properties = json_schema()["properties"]
    router = properties["virtual_routers"]["additionalProperties"]["properties"]
    assert router["priority"] == {
        "description": "Who becomes master: the highest; 255 is kept for the router that owns the addresses",
        "type": "integer",
        "minimum": 1,
        "maximum": 255,
        "default": 100,
        "examples": [150],
    }
    assert router["preempt_delay"]["description"] == (
        "How long a weaker master is followed before taking over from it (a length of time from 0s to 1000s)"
    )
    assert router["preempt_delay"]["default"] == "0s"
    assert router["preempt"]["default"] is True
    assert "default" not in router["vrid"]
    assert properties["defaults"]["properties"]["interval"]["default"] == "1s"
    assert properties["daemon"]["properties"]["control_socket"]["default"] == "/run/havip/havip.sock"


def written(value: Any) -> str:
    """Return an example as a file would have it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    ("path", "group", "field"), [pytest.param(*one, id=one[0]) for one in walk(CONFIGURATION)]
)
def test_the_example_of_a_key_is_good(path: str, group: Group, field: Field) -> None:
    shape = field.shape
    assert field.example is not None, path
    if isinstance(shape, ListOf):
        assert field.example
        for item in [] if shape.split is not None and isinstance(field.example, str) else field.example:
            if not isinstance(shape.item, Group):
                shape.item.read(written(item))
            elif isinstance(item, dict):
                assert set(item) <= set(shape.item.by_name)
            else:
                shape.item.by_name[shape.item.short].shape.read(written(item))  # type: ignore[union-attr]
    elif isinstance(shape, Group):
        assert set(field.example) <= set(shape.by_name)
    elif isinstance(shape, Named):
        assert all(set(example) <= set(shape.group.by_name) for example in field.example.values())
    else:
        shape.read(written(field.example))


@pytest.mark.parametrize(
    ("path", "group", "field"), [pytest.param(*one, id=one[0]) for one in walk(CONFIGURATION)]
)
def test_the_default_of_a_key_is_one_that_the_reader_takes(path: str, group: Group, field: Field) -> None:
    if group.defaults.get(field.name) is not None and not isinstance(field.shape, Group | Named | ListOf):
        default = group.defaults[field.name]
        if default in (None, ""):
            return  # as if the key were not there
        assert field.shape.read(written(field.shape.written(default))) == default
