"""gaiji: a shared external-character registry for municipal clouds (外字共有台帳)."""


def __getattr__(name: str) -> str:
    """Look the version up only when asked: the metadata costs a batch job 20 ms."""
    if name == "__version__":
        from importlib.metadata import version

        return version("gaiji")
    raise AttributeError(name)
