"""sqlite-utils without numpy and pandas: it loads them where they are installed, to keep their types in rows.

Nobody here has such rows, and numpy takes 14 MB and a tenth of a second. Import this module before any that uses it.
"""

import importlib
import sys

UNUSED = ("numpy", "pandas")


def load_library() -> None:
    """Load sqlite-utils; what it may load beside can be imported afterwards, as ever."""
    hidden = [name for name in UNUSED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # how Python says that there is none
    try:
        importlib.import_module("sqlite_utils")
    finally:
        for name in hidden:
            del sys.modules[name]


load_library()
