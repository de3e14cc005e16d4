"""What the service is and what it stands on (このサービスについて)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from gaiji import __version__
from gaiji.glyph.reference import font_status
from gaiji.registry import journal, reference, releases
from gaiji.registry.tables import Registry
from gaiji.settings import Settings
from gaiji.wire.service import AboutShape, EditionShape, FontShape


def describe(session: Session, settings: Settings) -> AboutShape:
    """Return version, data with their editions and licences, and fonts."""
    registry = session.get(Registry, 1)
    last = journal.last_entry(session)
    return AboutShape(
        name="gaiji",
        version=__version__,
        prefix=registry.prefix if registry else None,
        release=releases.latest_number(session) or None,
        serial=last.serial if last else 0,
        editions=[
            EditionShape(
                dataset=one.dataset,
                edition=one.edition,
                digest=one.digest,
                current=one.current,
                source=one.source,
            )
            for one in reference.status(session)
        ],
        fonts=[
            FontShape(
                name=one.source.name,
                title=one.source.title,
                edition=one.source.edition,
                licence=one.source.licence,
                state=one.state,
            )
            for one in font_status(settings)
        ],
    )
