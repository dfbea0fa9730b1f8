"""Where models come from: a folder, a hub, wheels; one adapter each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from models.errors import Attempt
from models.manifest import FolderOffer, HubOffer, Model, Offer, WheelsOffer
from models.sources.folder import FolderSource
from models.sources.hub import HubSource
from models.sources.protocol import Fetched, Report, Session, Source
from models.sources.wheels import WheelsSource

__all__ = ["Fetched", "Report", "Session", "Source", "attempt_of", "open_source"]

_ADAPTERS: Final[dict[type, Callable[[Model, Any, Session, Attempt], Source]]] = {
    FolderOffer: FolderSource,
    HubOffer: HubSource,
    WheelsOffer: WheelsSource,
}


def open_source(model: Model, offer: Offer, session: Session) -> Source:
    """The adapter for one offer of one model."""
    return _ADAPTERS[type(offer)](model, offer, session, attempt_of(model, offer, session))


def attempt_of(model: Model, offer: Offer, session: Session) -> Attempt:
    """How errors and `store.json` name this source of this model."""
    match offer:
        case FolderOffer():
            place = str(session.folder / model.id) if session.folder else ""
        case HubOffer():
            place = f"{offer.repository}@{offer.revision[:12]}"
        case WheelsOffer():
            place = offer.wheels[0].requirement + (f" and {len(offer.wheels) - 1} more" if offer.wheels[1:] else "")
    return Attempt(model.id, f"{offer.kind} {place}".strip())
