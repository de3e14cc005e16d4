"""The service: the only place with FastAPI; endpoints and pages (サービス)."""
