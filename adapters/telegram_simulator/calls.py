"""A call of a Bot API method: name, parameters, uploads, and its refusal.

Must not know HTTP or the methods.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Refusal(Exception):
    """A response with `ok: false`; `parameters` are ResponseParameters such as `retry_after`."""

    def __init__(
        self, error_code: int, description: str, parameters: Mapping[str, Any] | None = None
    ) -> None:
        """Refuse with a code, which is the HTTP status too, and a description."""
        super().__init__(description)
        self.error_code = error_code
        self.description = description
        self.parameters = parameters


def bad_request(reason: str) -> Refusal:
    """Return the refusal for mistakes of a client."""
    return Refusal(400, f"Bad Request: {reason}")


@dataclass(frozen=True)
class Upload:
    """A file from a multipart body."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Call:
    """A call as the client sent it: values are text in forms, and of any type in JSON bodies."""

    method: str
    parameters: Mapping[str, Any]
    uploads: Mapping[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a parameter as text, empty if it is missing; refuse lone surrogates."""
        value = self.parameters.get(name)
        if value is None:
            return ""

        text = value if isinstance(value, str) else json.dumps(value)
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise bad_request("strings must be encoded in UTF-8") from error

        return text

    def integer(self, name: str, default: int | None = None) -> int | None:
        """Return a parameter as an integer, or `default` if it is missing or empty."""
        value = self.parameters.get(name)
        if value in (None, ""):
            return default

        try:
            return int(float(value)) if isinstance(value, str) and "." in value else int(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise bad_request(f"parameter {name} is no integer") from error

    def flag(self, name: str) -> bool:
        """Return a parameter as a boolean; a missing one is false."""
        return str(self.parameters.get(name, "")).lower() in {"true", "1", "yes"}

    def structure(self, name: str) -> Any:
        """Return an object or array, parsing the JSON text of a form; None if it is missing."""
        value = self.parameters.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None

        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise bad_request(f"can't parse {name} JSON object") from error

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        """Return an object and refuse other types; None if it is missing."""
        value = self.structure(name)
        if value is not None and not isinstance(value, dict):
            raise bad_request(f"object expected as {name}")
        return value

    def sequence(self, name: str) -> list[Any] | None:
        """Return an array and refuse other types; None if it is missing."""
        value = self.structure(name)
        if value is not None and not isinstance(value, list):
            raise bad_request(f"array expected as {name}")
        return value
