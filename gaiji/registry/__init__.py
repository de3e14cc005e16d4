"""The registry: the only place with SQL (台帳).

Functions take `session` first and never commit: the edge that opened the session does. Every change is
an act in the journal; what it changes is done by the act's effect, so that replaying the journal and the
blobs into an empty database gives the same registry.
"""
