"""HEIC pictures, as telephones take them. Run by `core.files.worker`."""

from pi_heif import register_heif_opener  # type: ignore[import-untyped]

from core.files.images import convert_image


def convert_heif(content: bytes) -> tuple[dict[str, object], bytes]:
    """A HEIC picture as Claude is shown it."""
    register_heif_opener()
    return convert_image(content, formats=("HEIF",))
