"""HEIC pictures, as telephones take them. Run by `core.files.worker`.

The decoders of HEVC are all under a licence of the GNU family, so that this one is an extra: `pip install '.[heic]'`.
"""

from core.files.converters.converted import Unreadable
from core.files.images import convert_image

NO_DECODER = "it is a HEIC picture, which I read only with the extra `heic` installed; save it as JPEG"


def convert_heif(content: bytes) -> tuple[dict[str, object], bytes]:
    """A HEIC picture as Claude is shown it. Raises Unreadable where there is no decoder for it."""
    try:
        from pi_heif import register_heif_opener  # type: ignore[import-untyped]  # noqa: PLC0415  it may not be there
    except ImportError as error:
        raise Unreadable(NO_DECODER) from error
    register_heif_opener()
    return convert_image(content, formats=("HEIF",))
