"""A handler's signature as JSON Schema, and payloads and results by it."""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, get_type_hints

import pydantic
from pydantic_core import to_jsonable_python

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_BY_NAME: Final = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


class PayloadMismatch(Exception):
    """The payload does not fit the signature; the text says where, without the values."""


class ResultUnfit(Exception):
    """The result cannot be told as JSON; the text says why."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What goes in and out; `result_schema` is None where the handler returns nothing."""

    payload_schema: dict[str, object]
    result_schema: dict[str, object] | None
    model: type[pydantic.BaseModel]

    def arguments(self, payload: str) -> dict[str, Any]:
        """Return the keyword arguments for a payload (JSON text), defaults filled in.

        Raises:
            PayloadMismatch: it does not fit.
        """
        try:
            parsed = self.model.model_validate_json(payload)
        except pydantic.ValidationError as fault:
            raise PayloadMismatch(_explain(fault)) from None
        fields = type(parsed).model_fields
        return {field.alias or name: getattr(parsed, name) for name, field in fields.items()}


def read_signature(handler: Callable[..., object]) -> Signature:
    """Derive both schemas from the annotations of `handler`.

    Raises:
        TypeError: a parameter has no annotation, or is not one that can be given by name.
        pydantic.PydanticUserError, NameError: an annotation has no JSON Schema.
    """
    hints = get_type_hints(handler, include_extras=True)
    parameters = inspect.signature(handler).parameters.values()
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(parameters):
        _refuse_unusable(parameter, hints)
        given = ... if parameter.default is inspect.Parameter.empty else parameter.default
        # The alias lets a parameter have any name, also one that a pydantic model reserves.
        field = pydantic.Field(given, alias=parameter.name)
        fields[f"argument_{number}"] = (hints[parameter.name], field)
    model: type[pydantic.BaseModel] = pydantic.create_model(
        "Payload", __config__=pydantic.ConfigDict(extra="forbid"), **fields
    )
    return Signature(
        payload_schema={"$schema": DIALECT, **_named(model.model_json_schema(by_alias=True))},
        result_schema=_result_schema(hints.get("return")),
        model=model,
    )


def encode_result(result: object) -> str:
    """Return the JSON text of what a handler returned.

    Raises:
        ResultUnfit: it holds something that JSON has no words for (NaN and Infinity included).
    """
    if result is None:
        return "null"
    try:
        jsonable = to_jsonable_python(result, by_alias=True)
        text = json.dumps(jsonable, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        text.encode()
    except (ValueError, TypeError, RecursionError) as fault:
        problem = f"the result is not JSON: {fault}"
        raise ResultUnfit(problem) from None
    return text


def _refuse_unusable(parameter: inspect.Parameter, hints: dict[str, Any]) -> None:
    if parameter.kind not in _BY_NAME:
        text = f"parameter {str(parameter)!r} cannot be given by name, as a payload does"
        raise TypeError(text)
    if parameter.name not in hints:
        text = f"parameter {parameter.name!r} needs a type: it becomes the JSON Schema"
        raise TypeError(text)


def _named(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "title"}


def _result_schema(hint: Any) -> dict[str, object] | None:  # noqa: ANN401 - any annotation
    if hint is None or hint is type(None):
        return None
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(hint)
    return {"$schema": DIALECT, **adapter.json_schema(mode="serialization")}


def _explain(fault: pydantic.ValidationError) -> str:
    faults = fault.errors(include_url=False, include_context=False, include_input=False)
    places = (
        f"{'/' + '/'.join(map(str, each['loc'])) if each['loc'] else 'payload'}: {each['msg']}"
        for each in faults[:20]
    )
    return "; ".join(places)
