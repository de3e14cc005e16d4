from tests.web.council import built_council, council, shared_council

__all__ = ["built_council", "council", "shared_council"]
