"""How Fortnox refuses: codes, messages and the shapes they come in.

Validation errors and most others have lower case members, "not found" has capital ones, the
gateway answers ``{"message": …}`` and an unknown end point is an HTML page. Where the code of a
refusal is not published it is 0 here, which the real API is known to send as well.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from werkzeug import Response


class Refused(Exception):
    """The request is refused with this status, code and message (Swedish, as Fortnox's are)."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def answer(self) -> Response:
        """Give it in the shape that belongs to its status."""
        if self.status in {404, 405}:
            inner = {"Error": 1, "Message": self.message, "Code": self.code}
        else:
            inner = {"error": 1, "message": self.message, "code": self.code}
        return as_json({"ErrorInformation": inner}, self.status)


class GatewayRefused(Refused):
    """The gateway refuses, without ErrorInformation and without a code."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, 0, HTTPStatus(status).phrase.lower())
        self.headers = headers or {}

    def answer(self) -> Response:
        """Give it in the gateway's shape."""
        response = as_json({"message": self.message}, self.status)
        response.headers.update(self.headers)
        return response


def as_json(data: object, status: int = 200, content_type: str = "application/json") -> Response:
    """Answer with JSON under a content type, which at Fortnox is not always JSON's."""
    return Response(json.dumps(data, ensure_ascii=False), status, content_type=content_type)


def html_page(status: int, title: str) -> Response:
    """Answer with the page that stands where no API does."""
    text = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Response(text, status, content_type="text/html; charset=UTF-8")


def invalid_accept() -> Refused:
    """Say that only JSON is answered."""
    return Refused(400, 1000030, "Invalid response type.")


def invalid_content_type() -> Refused:
    """Say that only JSON is read."""
    return Refused(400, 1000031, "Invalid content type.")


def missing_token() -> Refused:
    """Say that there is no bearer token."""
    message = "Kan inte logga in, access-token eller client-secret saknas(2)."
    return Refused(401, 2000311, message)


def missing_scope() -> Refused:
    """Say that the token lacks the scope."""
    return Refused(400, 2000663, "Har inte behörighet för scope.")


def missing_module_licence(status: int) -> Refused:
    """Say that the company has no licence for the module, Fortnox Lön."""
    return Refused(status, 2001101, "Det finns ingen aktiv licens för önskat scope.")


def missing_api_licence(status: int) -> Refused:
    """Say that the company has no integration licence."""
    return Refused(status, 2001103, "Api-licens saknas.")


def invalid_parameter() -> Refused:
    """Say that a query parameter is unknown or wrong."""
    return Refused(400, 2000588, "Ogiltig parameter i anropet.")


def invalid_filter() -> Refused:
    """Say that the filter is unknown."""
    return Refused(400, 2000587, "Ett ogiltigt filter har använts.")


def invalid_json() -> Refused:
    """Say that the body is not JSON."""
    return Refused(400, 2002115, "Error deserializing JSON: JSON_ERROR_SYNTAX")


def no_data() -> Refused:
    """Say that the body is empty or lacks its wrapper."""
    return Refused(400, 2001392, "Ingen eller felaktig typ av data.")


def unknown_field(name: str) -> Refused:
    """Say that there is no such field."""
    return Refused(400, 2001399, f"Felaktigt fältnamn. ({name})")


def not_found() -> Refused:
    """Say that there is no such employee; the code is not published."""
    return Refused(404, 0, "Kan inte hitta den anställda.")


def missing_value(name: str) -> Refused:
    """Say that a required value is missing; the code is not published."""
    return Refused(400, 0, f"Värdet kan inte vara null. ({name})")


def invalid_value(message: str) -> Refused:
    """Refuse a value for a reason without a published code."""
    return Refused(400, 0, message)


def not_alphanumeric(value: object) -> Refused:
    """Refuse a value that is to be letters and digits."""
    return Refused(400, 2000106, f"Värdet måste vara alfanumeriskt ({value})")


def not_numeric(value: object) -> Refused:
    """Refuse a value that is to be a number."""
    return Refused(400, 2000108, f"Värdet måste vara numeriskt ({value})")


def not_boolean(value: object) -> Refused:
    """Refuse a value that is to be true or false."""
    return Refused(400, 2000134, f"Värdet måste vara en boolean ({value})")


def forbidden_characters(value: object) -> Refused:
    """Refuse a text with a character outside the published set."""
    return Refused(400, 2000359, f"Värdet innehåller ej tillåtna tecken. ({value})")
