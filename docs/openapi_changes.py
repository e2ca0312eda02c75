"""Which changes of the API's description break a client that was written to the one before?

A client is broken by what it asked for and cannot any more, by what it must say and did not have
to, and by what it is told in another form. New operations and new members of answers break nobody.
"""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["breaking"]

Json = Mapping[str, Any]


def breaking(before: Json, after: Json) -> list[str]:
    """Name them, each with its operation and place.

    Args:
        before: A description in OpenAPI 3.1.
        after: The one that takes its place.
    """
    old, new = _operations(before), _operations(after)
    found: list[str] = []
    for name, operation in old.items():
        if name not in new or new[name][:2] != operation[:2]:
            found.append(f"{name}: operation is gone")
            continue
        found += _Comparison(name, before, after).operation(operation[2], new[name][2])
    return sorted(set(found))


def _operations(described: Json) -> dict[str, tuple[str, str, Json]]:
    return {
        operation["operationId"]: (method, path, operation)
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    }


class _Comparison:
    """One operation, then and now."""

    def __init__(self, name: str, before: Json, after: Json) -> None:
        self._name, self._before, self._after = name, before, after

    def operation(self, old: Json, new: Json) -> Iterator[str]:
        yield from self._parameters(old, new)
        asked, asks = (o.get("requestBody", {}).get("content", {}) for o in (old, new))
        for kind in asked:
            if kind not in asks:
                yield f"{self._name} asks: {kind} is not taken any more"
            else:
                place = f"{self._name} asks "
                yield from self._asked(asked[kind]["schema"], asks[kind]["schema"], place)
        for status, response in old["responses"].items():
            now = new["responses"].get(status, {})
            for kind, body in response.get("content", {}).items():
                if kind not in now.get("content", {}):
                    yield f"{self._name} answers: {status} {kind} is gone"
                else:
                    place = f"{self._name} answers "
                    yield from self._told(body["schema"], now["content"][kind]["schema"], place)

    def _parameters(self, old: Json, new: Json) -> Iterator[str]:
        then, now = ({(p["in"], p["name"]): p for p in o.get("parameters", ())} for o in (old, new))
        for key in then.keys() - now.keys():
            yield f"{self._name} asks {key[1]}: is gone"
        for key, parameter in now.items():
            if parameter.get("required") and not then.get(key, {}).get("required"):
                yield f"{self._name} asks {key[1]}: is required now"
            if key in then:
                place = f"{self._name} asks {key[1]}"
                yield from self._asked(then[key]["schema"], parameter["schema"], place)

    def _asked(self, old: Json, new: Json, place: str, deep: int = 0) -> Iterator[str]:
        old, new = _resolved(old, self._before), _resolved(new, self._after)
        yield from _other_type(old, new, place)
        for value in old.get("enum", [old["const"]] if "const" in old else []):
            if value not in new.get("enum", [new.get("const", value)]):
                yield f"{place}: {value} is not taken any more"
        was, must = set(old.get("required", ())), set(new.get("required", ()))
        for member in sorted(must - was):
            yield f"{place}.{member}: is required now"
        for member in old.get("properties", {}).keys() - new.get("properties", {}).keys():
            yield f"{place}.{member}: is gone"
        yield from self._within(old, new, place, deep, self._asked)

    def _told(self, old: Json, new: Json, place: str, deep: int = 0) -> Iterator[str]:
        old, new = _resolved(old, self._before), _resolved(new, self._after)
        yield from _other_type(old, new, place)
        known = old.get("enum", [old["const"]] if "const" in old else None)
        for value in new.get("enum", [new["const"]] if "const" in new else []):
            if known is not None and value not in known:
                yield f"{place}: may be {value} now"
        there = new.get("properties", {})
        for member in old.get("properties", {}):
            if member not in there:
                yield f"{place}.{member}: is gone"
            elif member in old.get("required", ()) and member not in new.get("required", ()):
                yield f"{place}.{member}: may be missing now"
        yield from self._within(old, new, place, deep, self._told)

    def _within(self, old: Json, new: Json, place: str, deep: int, look: Any) -> Iterator[str]:  # noqa: ANN401
        if deep > 12:
            return
        then, now = old.get("properties", {}), new.get("properties", {})
        for member in then.keys() & now.keys():
            yield from look(then[member], now[member], f"{place}.{member}", deep + 1)
        for word, mark in (("items", "[]"), ("additionalProperties", "{}")):
            if isinstance(old.get(word), dict) and isinstance(new.get(word), dict):
                yield from look(old[word], new[word], place + mark, deep + 1)
        then_any, now_any = old.get("anyOf", []), new.get("anyOf", [])
        if then_any and len(then_any) == len(now_any):
            for one, other in zip(then_any, now_any, strict=True):
                yield from look(one, other, f"{place}|", deep + 1)


def _resolved(schema: Json, described: Json) -> Json:
    while "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _other_type(old: Json, new: Json, place: str) -> Iterator[str]:
    was, now = _type(old), _type(new)
    if was != now:
        yield f"{place}: was {was}, is {now}"


def _type(schema: Json) -> str:
    if "anyOf" in schema:
        return " or ".join(
            sorted(str(one.get("type", one.get("$ref", "anything"))) for one in schema["anyOf"])
        )
    return str(schema.get("type", "anything"))
