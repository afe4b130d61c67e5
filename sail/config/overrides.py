"""Reads settings from YAML and from `group.key=value`, and checks them against a dataclass.

A setting is a field annotated str, bool, int, float, an enumeration of texts, Literal, Annotated[number,
Range] or Annotated[str, Described]. A group of settings is a field whose type is a dataclass. The functions
pass settings flat: dotted key -> value. Every error is one line with the cause and the cure.
"""

import dataclasses
import difflib
import json
import typing
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from sail.errors import SailError, not_found, show
from sail.system.reading import parse_yaml

Scalar = str | int | float | bool
Settings = TypeVar("Settings")


class ConfigError(SailError):
    """A preset, key or value that does not exist or is not allowed."""


@dataclasses.dataclass(frozen=True)
class Range:
    """The limits of a number, both allowed."""

    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Described:
    """Marks a text for which YAML may give a mapping; it is kept as the mapping's JSON."""


def construct(kind: type[Settings], values: Mapping[str, Scalar], prefix: str = "") -> Settings:
    """A dataclass from dotted keys; a key that `values` lacks keeps its default."""
    arguments: dict[str, Any] = {}
    for name, hint in _hints(kind).items():
        key = prefix + name
        if dataclasses.is_dataclass(hint):
            arguments[name] = construct(typing.cast(type[Any], hint), values, f"{key}.")
        elif key in values:
            arguments[name] = values[key]
    return kind(**arguments)


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Scalar]]:
    """Dotted key and value of every leaf of nested settings, in order."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def read_yaml(kind: type[Any], text: str | bytes, origin: str) -> dict[str, Scalar]:
    """The settings in a YAML text. origin: what messages call it. Raises ConfigError."""
    tree = parse_yaml(text, origin, ConfigError)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{origin} must hold 'key: value' lines, not {show(tree)}")
    groups = {name for name, hint in _hints(kind).items() if dataclasses.is_dataclass(hint)}
    values: dict[str, Scalar] = {}
    for name, value in tree.items():
        if name in groups and value is None:
            continue  # a group with nothing in it
        inside = name in groups and isinstance(value, dict)
        given = {f"{name}.{leaf}": inner for leaf, inner in value.items()} if inside else {str(name): value}
        values |= {key: _typed(key, leaf, _annotation(kind, key)) for key, leaf in given.items()}
    return values


def parse_overrides(kind: type[Any], overrides: Iterable[str]) -> dict[str, Scalar]:
    """The settings in texts of the form `group.key=value`. Raises ConfigError."""
    values: dict[str, Scalar] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise ConfigError(f"{show(override)} is not an override: write key=value, as planner.steps=4")
        values[key] = _parsed(key, text, _annotation(kind, key))
    return values


def check_limits(config: Any, prefix: str) -> None:
    """Raise ConfigError if a number is out of its Range, a choice is none of its Literal's, or a
    text empty that is not so by default."""
    defaults = {one.name: one.default for one in dataclasses.fields(config)}
    for name, annotation in _hints(type(config)).items():
        value = getattr(config, name)
        options = _options(annotation)
        if options:
            if value not in options:
                raise ConfigError(not_found(f"value of {prefix}{name}", str(value), options))
        elif (limits := _limits(annotation)) is not None:
            if not limits.low <= value <= limits.high:  # holds for nan too
                raise ConfigError(f"{prefix}{name} must be {_allowed(annotation)}, not {show(value)}")
        elif value == "" and defaults[name] != "":
            raise ConfigError(f"{prefix}{name} must be a text of at least one character, not ''")


def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _keys(kind: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> annotation of every setting."""
    keys: dict[str, Any] = {}
    for name, hint in _hints(kind).items():
        if dataclasses.is_dataclass(hint):
            keys |= _keys(hint, f"{prefix}{name}.")
        else:
            keys[prefix + name] = hint
    return keys


def _annotation(kind: type[Any], key: str) -> Any:
    """The annotation of a dotted key. Raises ConfigError naming the nearest key if there is none."""
    keys = _keys(kind)
    if key in keys:
        return keys[key]
    inside = [known for known in keys if known.startswith(f"{key}.")]
    if inside:
        raise ConfigError(f"'{key}' is a group of settings: set one of {', '.join(inside)}")
    group = key.rpartition(".")[0]
    siblings = [known for known in keys if known.rpartition(".")[0] == group]
    near = difflib.get_close_matches(key, siblings, n=1) or difflib.get_close_matches(key, keys, cutoff=0.0)
    allowed = siblings if group and siblings else _hints(kind)
    raise ConfigError(f"unknown key {show(key)}: the nearest is '{near[0]}' (allowed: {', '.join(allowed)})")


def _typed(key: str, value: object, annotation: Any) -> Scalar:
    """A YAML value in its setting's type. Raises ConfigError."""
    kind = _kind(annotation)
    if isinstance(value, dict) and isinstance(_mark(annotation), Described):
        return _json(key, value)
    if kind is float and isinstance(value, str | int) and not isinstance(value, bool):
        return _parsed(key, str(value), annotation)  # YAML 1.1 takes 1e-4, without a point, for text
    if issubclass(kind, StrEnum) and isinstance(value, str):
        return _parsed(key, value, annotation)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return typing.cast(Scalar, value)
    raise ConfigError(f"{key} must be {_allowed(annotation)}, not {show(value)}")


def _parsed(key: str, text: str, annotation: Any) -> Scalar:
    """The value that a text means for a setting. Raises ConfigError."""
    if issubclass(_kind(annotation), StrEnum) and text not in _options(annotation):
        raise ConfigError(not_found(f"value of {key}", text, _options(annotation)))
    if text.startswith("{") and isinstance(_mark(annotation), Described):
        return _json(key, parse_yaml(text, key, ConfigError))
    try:
        if _kind(annotation) is bool:
            return {"true": True, "false": False}[text.lower()]
        return typing.cast(Scalar, _kind(annotation)(text))
    except (ValueError, KeyError) as error:
        raise ConfigError(f"{key} must be {_allowed(annotation)}, not {show(text)}") from error


def _options(annotation: Any) -> tuple[str, ...]:
    """The texts that a setting is chosen from, () where any text or number will do."""
    if typing.get_origin(annotation) is Literal:
        return typing.get_args(annotation)
    is_enumeration = isinstance(annotation, type) and issubclass(annotation, StrEnum)
    return tuple(option.value for option in annotation) if is_enumeration else ()


def _mark(annotation: Any) -> object:
    """What an annotation is Annotated with, None where it is not."""
    return typing.get_args(annotation)[1] if typing.get_origin(annotation) is Annotated else None


def _limits(annotation: Any) -> Range | None:
    mark = _mark(annotation)
    return mark if isinstance(mark, Range) else None


def _json(key: str, value: Mapping[str, Any]) -> str:
    """A mapping as one text, its order kept."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key} holds what is no text, number, list or mapping ({error})") from error


def _kind(annotation: Any) -> type[Any]:
    """The type of a setting's values: str, int, float, bool or an enumeration of texts."""
    if typing.get_origin(annotation) is Annotated:
        return typing.cast(type[Any], typing.get_args(annotation)[0])
    return str if typing.get_origin(annotation) is Literal else typing.cast(type[Any], annotation)


def _allowed(annotation: Any) -> str:
    if options := _options(annotation):
        return f"one of {', '.join(options)}"
    kind = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[_kind(annotation)]
    limits = _limits(annotation)
    return kind if limits is None else f"{kind} from {limits.low} to {limits.high}"
