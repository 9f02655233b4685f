"""HEIC pictures of telephones. Tests core.files.converters.heif."""

import pytest

from core.files.converters.heif import convert_heif
from tests.support.documents import HEIC

pytestmark = pytest.mark.slow


def test_a_picture_of_a_telephone_becomes_a_jpeg():
    told, shown = convert_heif(HEIC)

    assert told == {"type": "image/jpeg", "width": 64, "height": 48}
    assert shown.startswith(b"\xff\xd8\xff")
