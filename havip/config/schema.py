"""The table of fields as a JSON Schema (draft 2020-12), for editors.  Pure.

The schema judges one value at a time.  What must hold between keys, such as the interval of VRRPv2,
only `havip check` can say.
"""

from __future__ import annotations

from havip.config.fields import Field, Group, ListOf, Named, Shape
from havip.config.keys import CONFIGURATION
from havip.config.kinds import Kind, Length, Schema


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
            "propertyNames": name_schema(shape.name),
            "additionalProperties": group_schema(shape.group),
        }
    if isinstance(shape, ListOf):
        items = {
            "type": "array",
            "minItems": 1,
            "maxItems": shape.most,
            "uniqueItems": True,
            "items": shape_schema(shape.item),
        }
        if shape.split is None:
            return items
        del items["uniqueItems"]
        item = shape_schema(shape.item)
        single = [] if item.get("type") == "string" else [item]  # a number stands for a list of one
        return {"anyOf": [{"type": "string"}, *single, items]}
    return shape.schema()


def name_schema(name: Kind) -> Schema:
    """Return the schema of a name: in JSON every key of an object is a text."""
    schema = name.schema()
    return {"pattern": schema["pattern"]} if "pattern" in schema else {"pattern": "^(0|[1-9][0-9]*)$"}


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
    if group.any_of:
        schema["type"] = "object"
        schema["anyOf"] = [{"required": [name]} for name in group.any_of]
    if group.short:
        return {"anyOf": [shape_schema(group.by_name[group.short].shape), schema]}
    return schema


def field_schema(field: Field, group: Group) -> Schema:
    """Return the schema of one key, with what an editor shows beside it."""
    schema = {"description": description(field), **shape_schema(field.shape)}
    if group.defaults.get(field.name) not in (None, "") and not isinstance(
        field.shape, Group | Named | ListOf
    ):
        schema["default"] = field.shape.written(group.defaults[field.name])
    if field.example is not None:
        schema["examples"] = [field.example]
    return schema


def description(field: Field) -> str:
    """Return what a key means, and the range where the schema itself cannot tell it."""
    text = field.doc[0].upper() + field.doc[1:]
    return f"{text} ({field.shape.expected})" if isinstance(field.shape, Length) else text
