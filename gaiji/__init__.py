"""gaiji: a shared external-character registry for municipal clouds (外字共有台帳)."""

from importlib.metadata import version

__version__ = version("gaiji")
