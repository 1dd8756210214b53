"""Edits as a form: fields and files of `multipart/form-data`, as the OpenAI clients send them."""

from typing import Any, Final

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from omniagent.http.api.bodies import EditOptions
from omniagent.http.guard.errors import ApiError
from omniagent.http.guard.handlers import refusal_of_fields
from omniagent.http.settings import HttpSettings
from omniagent.model.wording import shown

IMAGE_FIELDS: Final = ("image", "image[]")
MASK: Final = "mask"
_MOST_FIELDS = 64
_FIELD_BYTES = 256 * 1024


async def edit_form(request: Request, settings: HttpSettings) -> tuple[EditOptions, list[bytes], bytes | None]:
    """The options, the pictures in their order, and the mask. Names of files are not looked at.

    Raises:
        ApiError: 400; a field is missing, unknown, of the wrong kind or given twice.
    """
    most = settings.pictures + 1
    fields: dict[str, Any] = {}
    images: list[bytes] = []
    mask: bytes | None = None
    try:
        async with request.form(max_files=most, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    data = await value.read()
                    if name in IMAGE_FIELDS:
                        images.append(data)
                    elif name == MASK and mask is None:
                        mask = data
                    else:
                        raise _wrong(name, "takes no file, or only one")
                elif name in (*IMAGE_FIELDS, MASK):
                    raise _wrong(name, "is a text; send the file itself")
                elif name in fields:
                    raise _wrong(name, "is given twice")
                else:
                    fields[name] = value
    except HTTPException as error:
        if error.status_code != 400:
            raise
        raise ApiError(400, f"the form cannot be read: {error.detail}", code="invalid_form") from error
    try:
        options = EditOptions.model_validate(fields)
    except ValidationError as error:
        raise refusal_of_fields(error.errors(include_url=False), EditOptions.model_fields) from error
    if not images:
        raise ApiError(
            400, "image is missing; send one or more files as image or image[]", code="missing_parameter", param="image"
        )
    return options, images, mask


def edit_schema(options: dict[str, Any]) -> dict[str, Any]:
    """The form in the OpenAPI document: the options' schema with the files."""
    binary = {"type": "string", "format": "binary"}
    files = {
        "image": {**binary, "description": "a picture; several as image[]"},
        "image[]": {"type": "array", "items": binary, "minItems": 1, "maxItems": 5},
        "mask": {**binary, "description": "of image 1's size, transparent where that may change"},
    }
    return {**options, "properties": {**options["properties"], **files}}


def _wrong(name: str, what: str) -> ApiError:
    return ApiError(400, f"the field {shown(name)} {what}", code="invalid_value", param=name[:80])
