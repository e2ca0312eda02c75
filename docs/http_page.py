"""Make one page out of the description of the API."""

from collections.abc import Iterator, Mapping
from typing import Any

HEAD = """# HTTP API

Every route with what it takes and answers. [Service](service.md) says how they play together.
[openapi.json](../openapi.json) is the same for programs: generate a client from it.

A key or an upload token goes into `Authorization: Bearer`. Failures are RFC 9457 problem documents
([Problem](#problem)) with a stable `code`. A rejected person is no failure.
"""
METHODS = ("get", "post", "put", "patch", "delete")
FAILURES = ("4XX", "5XX", "422")
"""Told once for all routes: every failure is a problem document."""


def http_page(described: Mapping[str, Any]) -> str:
    """Routes by subject, then every shape that crosses the wire.

    Args:
        described: OpenAPI 3.1, as `docs/openapi.json` holds it.
    """
    lines = [HEAD]
    for tag, operations in _by_tag(described).items():
        lines.append(f"## {tag.capitalize()}\n")
        for method, path, operation in operations:
            lines += _operation(method, path, operation, described)
    lines.append("## Shapes\n")
    for name, schema in sorted(described["components"]["schemas"].items()):
        if not name.startswith(("Body_", "HTTPValidation", "ValidationError")):
            lines += _shape(name, schema)
    return "\n".join(lines) + "\n"


def _by_tag(described: Mapping[str, Any]) -> dict[str, list[tuple[str, str, Any]]]:
    found: dict[str, list[tuple[str, str, Any]]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                tag = operation.get("tags", ["operations"])[0]
                found.setdefault(tag, []).append((method.upper(), path, operation))
    return found


def _operation(
    method: str, path: str, operation: Mapping[str, Any], described: Mapping[str, Any]
) -> Iterator[str]:
    yield f"### {operation['summary']}\n"
    yield f"`{method} {path}`" + ("" if operation.get("security") else " · without a key") + "\n"
    if text := operation.get("description"):
        yield text + "\n"
    rows = [
        (item["name"], f"{item['in']}, {_kind(item['schema'])}", item)
        for item in operation.get("parameters", ())
    ]
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        name = schema.get("$ref", "").rsplit("/", 1)[-1]
        if name.startswith("Body_"):
            form = described["components"]["schemas"][name]
            rows += [
                (field, f"form, {_kind(of)}", {**of, "required": field in form.get("required", ())})
                for field, of in form["properties"].items()
            ]
        else:
            rows.append(("body", f"{media_type}, {_kind(schema)}", {"required": True}))
    if rows:
        yield "| takes | as | |"
        yield "|---|---|---|"
        for name, kind, about in rows:
            needed = "required. " if about.get("required") else ""
            yield f"| `{name}` | {kind} | {needed}{_line(about.get('description', ''))} |"
        yield ""
    for status, answer in operation["responses"].items():
        if status not in FAILURES:
            kinds = [
                _kind(of.get("schema", {})) if "json" in media_type else f"`{media_type}`"
                for media_type, of in answer.get("content", {}).items()
            ]
            yield f"Answers {status}: {_line(answer['description'])}" + _of(kinds) + "\n"


def _of(kinds: list[str]) -> str:
    return f" – {' or '.join(kinds)}." if kinds else "."


def _shape(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if text := schema.get("description"):
        yield _line(text) + "\n"
    if "enum" in schema:
        yield "One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + ".\n"
    if fields := schema.get("properties"):
        yield "| field | is | |"
        yield "|---|---|---|"
        for field, of in fields.items():
            needed = "" if field in schema.get("required", ()) else "optional. "
            yield f"| `{field}` | {_kind(of)} | {needed}{_line(of.get('description', ''))} |"
        yield ""


def _kind(schema: Mapping[str, Any]) -> str:
    """A type in words, with a link where it has a shape of its own."""
    if reference := schema.get("$ref"):
        name = reference.rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_kind(one) for one in schema[several]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    match schema.get("type", ""):
        case "array":
            return f"list of {_kind(schema.get('items', {}))}"
        case "object":
            inner = schema.get("additionalProperties")
            return f"object of {_kind(inner)}" if isinstance(inner, dict) and inner else "object"
        case "string" if schema.get("format") == "binary" or "contentMediaType" in schema:
            return "file"
        case "string":
            return schema.get("format", "string")
        case kind:
            return kind or "anything"


def _line(text: str) -> str:
    return " ".join(text.replace("|", "/").replace("<", "&lt;").split())
