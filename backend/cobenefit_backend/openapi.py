"""The OpenAPI document: what FastAPI gathers, and what it can't know of our bodies and keys."""

import json
from functools import cached_property
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import compile_path

from cobenefit_backend.access.guard import COOKIE
from cobenefit_backend.routes.reading import refusals


class Api(FastAPI):
    """The application and its document, made when first asked for: add every route before."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return self._document

    def methods(self, path: str) -> list[str]:
        """Return the methods that the document has at the path of a request."""
        paths = self._document["paths"].items()
        return sorted(
            method.upper()
            for pattern, operations in paths
            if compile_path(pattern)[0].match(path)
            for method in operations
        )

    @cached_property
    def _document(self) -> dict[str, Any]:
        document = get_openapi(title=self.title, version=self.version, routes=self.routes)
        components = document.setdefault("components", {})
        components["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
        schemas: dict[str, Any] = {}
        for path in document["paths"].values():
            for operation in path.values():
                if "HTTPValidationError" in str(
                    operation["responses"].get("422")
                ):  # FastAPI describes a body of its own
                    operation["responses"]["422"] = refusals(422)[422]
        _lift_definitions(document["paths"], schemas)
        components["schemas"] = schemas
        text = json.dumps(document).replace('"#/$defs/', '"#/components/schemas/')
        found: dict[str, Any] = json.loads(text)
        return found


def _lift_definitions(node: Any, schemas: dict[str, Any]) -> None:
    """Move the definitions of each body to where a reference of this document finds them."""
    if isinstance(node, dict):
        schemas.update(node.pop("$defs", {}))
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            _lift_definitions(child, schemas)
