"""The languages that a meeting may name: all of ISO 639-1."""

from __future__ import annotations

from typing import Final

from mesh.errors import Violation
from orchestrator.errors import UnknownLanguage

__all__ = ["require_language"]

# Source: https://www.loc.gov/standards/iso639-2/php/code_list.php, two-letter codes.
_CODES: Final = frozenset(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es et eu
    fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn
    ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os
    pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw
    ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    """.split()  # noqa: SIM905 - a table of codes reads best as words
)


def require_language(code: str) -> None:
    """Accept an empty code or one of ISO 639-1.

    Raises:
        UnknownLanguage: There is no such language.
    """
    if code and code not in _CODES:
        raise UnknownLanguage(
            f"There is no language {code!r}; use an ISO 639-1 code such as `ru` or `en`, or leave it empty to find it out.",
            violations=[Violation("language", "must be an ISO 639-1 code, or empty")],
        )
