"""Errors of the understanding service.

PlanerkaError
├── Internal
│   ├── ModelOutputInvalid    INTERNAL             the model keeps answering out of shape
│   └── VectorsUnusable       INTERNAL             Milvus does not open
├── NotReady
│   └── ProviderFailed        UNAVAILABLE          the model's endpoint fails or cannot be reached
│       └── ContextCut        UNAVAILABLE          the endpoint read less than it was sent
├── Exhausted
│   └── BudgetSpent           RESOURCE_EXHAUSTED   the workspace used up its tokens of the day
├── DeadlineExceeded
│   └── ProviderTooSlow       DEADLINE_EXCEEDED    one call of the model took too long
├── FailedPrecondition
│   ├── ModelNotLoaded        FAILED_PRECONDITION  the model is missing or cannot be loaded
│   ├── NoLanguageModel       FAILED_PRECONDITION  the settings name no language model
│   ├── OutsideRefused        FAILED_PRECONDITION  the model is outside the workspace's perimeter
│   ├── PromptTooLong         FAILED_PRECONDITION  prompt and answer do not fit the model's window
│   ├── ProviderUnknown       FAILED_PRECONDITION  the workspace chose a provider that the settings do not name
│   ├── TalkTooLong           FAILED_PRECONDITION  the talk does not fit the model's window
│   └── TooManyTemplates      FAILED_PRECONDITION  the workspace has as many templates as it may have
├── InvalidArgument
│   ├── LanguageUnknown       INVALID_ARGUMENT     a language that is not offered
│   ├── TemplateInvalid       INVALID_ARGUMENT     a template that is broken, or uses what templates may not
│   ├── TimeZoneUnknown       INVALID_ARGUMENT     a time zone that does not exist
│   ├── TextNotUtf8           INVALID_ARGUMENT     an uploaded text that is not UTF-8
│   ├── FileBroken            INVALID_ARGUMENT     an uploaded PDF or Word document that cannot be opened
│   ├── FileEncrypted         INVALID_ARGUMENT     one with a password
│   ├── FileTooLarge          INVALID_ARGUMENT     one that unpacks to too much
│   └── FileWithoutText       INVALID_ARGUMENT     one without text, such as a scan
└── NotFound
    └── TemplateUnknown       NOT_FOUND            a template that the workspace does not have
"""

from __future__ import annotations

from llm_service.generation import Usage
from mesh.errors import (
    DeadlineExceeded,
    Exhausted,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    NotReady,
)

__all__ = [
    "BudgetSpent",
    "ContextCut",
    "FileBroken",
    "FileEncrypted",
    "FileTooLarge",
    "FileWithoutText",
    "LanguageUnknown",
    "ModelNotLoaded",
    "ModelOutputInvalid",
    "NoLanguageModel",
    "OutsideRefused",
    "PromptTooLong",
    "ProviderFailed",
    "ProviderTooSlow",
    "ProviderUnknown",
    "TalkTooLong",
    "TemplateInvalid",
    "TemplateUnknown",
    "TextNotUtf8",
    "TimeZoneUnknown",
    "TooManyTemplates",
    "VectorsUnusable",
]


class ModelOutputInvalid(Internal):
    """The model answered out of shape, and again after it was told what was wrong.

    Attributes:
        usage: What the answers cost.
    """

    usage: Usage | None = None
    default_reason = "MODEL_OUTPUT_INVALID"


class VectorsUnusable(Internal):
    """Milvus does not open or does not answer; the message says which and why."""

    default_reason = "VECTORS_UNUSABLE"


class ProviderFailed(NotReady):
    """The endpoint of the language model answers with an error, or not at all.

    Attributes:
        passing: Whether the same call may work soon: 429, 5xx, a broken connection.
        pause: Seconds that the endpoint asked to wait; None where it did not.
        unsupported: Whether the endpoint refused a parameter of the request.
    """

    default_reason = "PROVIDER_FAILED"
    passing: bool = False
    pause: float | None = None
    unsupported: bool = False


class ContextCut(ProviderFailed):
    """The endpoint counted far fewer tokens than it was sent: it cut the prompt in silence."""

    default_reason = "CONTEXT_CUT"


class BudgetSpent(Exhausted):
    """The workspace used up the tokens that the settings give it for a day."""

    default_reason = "BUDGET_SPENT"


class OutsideRefused(FailedPrecondition):
    """A language model outside was to get texts of a workspace whose perimeter does not allow it; nothing was sent."""

    default_reason = "OUTSIDE_REFUSED"


class PromptTooLong(FailedPrecondition):
    """Prompt and answer together do not fit the model's window; nothing was sent, and nothing cut."""

    default_reason = "PROMPT_TOO_LONG"


class ProviderUnknown(FailedPrecondition):
    """The workspace chose a provider that the settings do not name."""

    default_reason = "PROVIDER_UNKNOWN"


class ProviderTooSlow(DeadlineExceeded):
    """One call of the language model took longer than the settings allow."""

    default_reason = "PROVIDER_TOO_SLOW"


class ModelNotLoaded(FailedPrecondition):
    """A model is missing, or cannot be loaded; the message says how to get it."""

    default_reason = "MODEL_NOT_LOADED"


class NoLanguageModel(FailedPrecondition):
    """The settings name no language model, and the request needs one."""

    default_reason = "NO_LANGUAGE_MODEL"


class TalkTooLong(FailedPrecondition):
    """The whole talk does not fit the model's window."""

    default_reason = "TALK_TOO_LONG"


class TooManyTemplates(FailedPrecondition):
    """A workspace has as many templates of its own as it may have."""

    default_reason = "TOO_MANY_TEMPLATES"


class TemplateInvalid(InvalidArgument):
    """A template that is no Jinja2, or uses more of it than templates may; the message names the line."""

    default_reason = "TEMPLATE_INVALID"


class LanguageUnknown(InvalidArgument):
    """A language in which the service does not write."""

    default_reason = "LANGUAGE_UNKNOWN"


class TimeZoneUnknown(InvalidArgument):
    """A time zone that is not in the IANA table."""

    default_reason = "TIME_ZONE_UNKNOWN"


class TextNotUtf8(InvalidArgument):
    """An uploaded text whose bytes are not UTF-8."""

    default_reason = "TEXT_NOT_UTF8"


class FileBroken(InvalidArgument):
    """An uploaded file that cannot be opened, or is not what it is said to be."""

    default_reason = "FILE_BROKEN"


class FileEncrypted(InvalidArgument):
    """An uploaded file with a password."""

    default_reason = "FILE_ENCRYPTED"


class FileTooLarge(InvalidArgument):
    """An uploaded file that unpacks to too much text, or takes too much memory or time."""

    default_reason = "FILE_TOO_LARGE"


class FileWithoutText(InvalidArgument):
    """An uploaded file that has no text, such as a scan."""

    default_reason = "FILE_WITHOUT_TEXT"


class TemplateUnknown(NotFound):
    """A template that the workspace does not have."""

    default_reason = "TEMPLATE_UNKNOWN"
