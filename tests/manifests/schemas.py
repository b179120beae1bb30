"""Holds an object against the classes of its kind; a field that nobody knows is a fault.

Kubernetes' own kinds come from lightkube-models, which is generated from its OpenAPI. Its package
wants three names of a client that we do not need: they are given to it here.
"""

import dataclasses
import importlib
import re
import sys
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from tests.manifests import custom_kinds
from tests.manifests.reading import Object

GROUP_VERSION = re.compile(r"(?:(?P<group>[a-z]+)[a-z.0-9]*/)?(?P<version>v\w+)")
CORE = "core"


def faults(thing: Object) -> list[str]:
    """Return what is wrong with an object, each with where it is."""
    custom = custom_kinds.KINDS.get((thing["apiVersion"], thing["kind"]))
    if custom is None:
        return faults_of(thing["apiVersion"], thing["kind"], thing)
    try:
        msgspec.convert(thing, custom)
    except msgspec.ValidationError as fault:
        return [f"{thing['kind']}: {fault}"]
    return []


def faults_of(api_version: str, kind: str, value: object) -> list[str]:
    """The same of a part of an object, of one of Kubernetes' own kinds."""
    return list(_faults(_own_kind(api_version, kind), value, kind))


@cache
def _own_kind(api_version: str, kind: str) -> type:
    _pretend_there_is_a_client()
    found = GROUP_VERSION.fullmatch(api_version)
    assert found is not None, api_version
    module = importlib.import_module(
        f"lightkube.models.{found['group'] or CORE}_{found['version']}"
    )
    own: type = getattr(module, kind)
    return own


def _pretend_there_is_a_client() -> None:
    schema = types.ModuleType("lightkube.core.schema")
    vars(schema).update(
        dataclass=dataclasses.dataclass,
        field=dataclasses.field,
        DictMixin=type("DictMixin", (), {}),
    )
    sys.modules.setdefault("lightkube.core", types.ModuleType("lightkube.core"))
    sys.modules.setdefault("lightkube.core.schema", schema)


def _faults(wanted: Any, value: Any, where: str) -> Iterator[str]:
    origin, inside = get_origin(wanted), get_args(wanted)
    if origin in {Union, types.UnionType}:
        ways = [list(_faults(way, value, where)) for way in inside if way is not type(None)]
        if all(ways):
            yield from min(ways, key=len)
    elif origin is list:
        if not isinstance(value, list):
            yield f"{where}: a list is wanted, not {value!r}"
            return
        for number, each in enumerate(value):
            yield from _faults(inside[0], each, f"{where}[{number}]")
    elif origin is dict or wanted is dict:
        if not isinstance(value, Mapping):
            yield f"{where}: a mapping is wanted, not {value!r}"
            return
        for name, each in value.items():
            yield from _faults(inside[1] if inside else object, each, f"{where}.{name}")
    elif dataclasses.is_dataclass(wanted):
        yield from _faults_of_fields(wanted, value, where)
    elif wanted is not object and type(value) is not wanted:
        yield f"{where}: {wanted.__name__} is wanted, not {value!r}"


def _faults_of_fields(wanted: Any, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where}: fields are wanted, not {value!r}"
        return
    hints = _hints(wanted)
    fields = {field.metadata.get("json", field.name): field for field in dataclasses.fields(wanted)}
    for name, each in value.items():
        if name in fields:
            yield from _faults(hints[fields[name].name], each, f"{where}.{name}")
        else:
            yield f"{where}: {wanted.__name__} has no field {name!r}"
    for name, field in fields.items():
        if name not in value and _is_required(field):
            yield f"{where}: {name!r} is missing"


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


@cache
def _hints(wanted: type) -> dict[str, Any]:
    return get_type_hints(wanted)
