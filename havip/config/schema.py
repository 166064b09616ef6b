"""The table of fields as a JSON Schema (draft 2020-12), for editors.  Pure.

The schema judges one value at a time.  What must hold between keys, such as the interval of VRRPv2,
only `havip check` can say.
"""

from __future__ import annotations

from typing import Any

from havip.config.fields import CONFIGURATION, Field, Group, ListOf, Named, Shape
from havip.config.kinds import Length, Schema


def json_schema() -> Schema:
    """Return the schema of a configuration file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "havip configuration",
        **group_schema(CONFIGURATION),
        "type": "object",  # the file itself cannot be empty
    }


def shape_schema(shape: Shape) -> Schema:
    """Return the schema of any value."""
    if isinstance(shape, Group):
        return group_schema(shape)
    if isinstance(shape, Named):
        return {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": shape.name.schema()["pattern"]},
            "additionalProperties": group_schema(shape.group),
        }
    if isinstance(shape, ListOf):
        return {
            "type": "array",
            "minItems": 1,
            "maxItems": shape.most,
            "uniqueItems": True,
            "items": shape.item.schema(),
        }
    return shape.schema()


def group_schema(group: Group) -> Schema:
    """Return the schema of a mapping with fixed keys; one without required keys may be left empty."""
    schema: Schema = {
        "type": ["object", "null"],
        "properties": {field.name: field_schema(field, group) for field in group.fields},
        "additionalProperties": False,
    }
    if group.required:
        schema["type"] = "object"
        schema["required"] = [field.name for field in group.required]
    return schema


def field_schema(field: Field, group: Group) -> Schema:
    """Return the schema of one key, with what an editor shows beside it."""
    schema = {"description": description(field), **shape_schema(field.shape)}
    if field.name in group.defaults and not isinstance(field.shape, Group):
        schema["default"] = default_written(field, group)
    if field.example is not None:
        schema["examples"] = [field.example]
    return schema


def description(field: Field) -> str:
    """Return what a key means, and the range where the schema itself cannot tell it."""
    text = field.doc[0].upper() + field.doc[1:]
    return f"{text} ({field.shape.expected})" if isinstance(field.shape, Length) else text


def default_written(field: Field, group: Group) -> Any:
    """Return a key's default as a file would have it."""
    assert not isinstance(field.shape, Group | Named | ListOf)
    return field.shape.written(group.defaults[field.name])
