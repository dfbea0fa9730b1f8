"""What people wrote in a text, without what they pasted into it from programs.

Logs, stack traces and code are long and much alike from one report to the next, and drown the few words that tell what it is about.
"""

import re
from typing import Final

__all__ = ["prose"]

_BLOCK: Final = re.compile(
    r"\{(noformat|code)(?::[^}\n]*)?\}.*?(?:\{\1\}|\Z)|^ {0,3}```.*?(?:^ {0,3}```|\Z)", re.DOTALL | re.MULTILINE
)
"""Blocks of Jira's and Markdown's markup; one that is never closed goes on to the end."""
_LEVEL: Final = r"(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL)"
_PASTED: Final = re.compile(
    r"\s*(?:"
    r"at [\w$.<>/]+\(.*|\.\.\. \d+ more|Caused by: |Traceback \(|File \"[^\"]+\", line \d+"
    rf"|\[{_LEVEL}\s*\]|{_LEVEL}(?::|\s{{2}}|\s+[\[(]|\s+[\w$]+\.[\w$])"
    r"|[\[(]?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d|[\[(]?\d\d/\d\d/\d\d(?:\d\d)? \d\d:\d\d:\d\d|\d\d:\d\d:\d\d[.,]\d+ "
    r"|\+\+\+ |--- |@@ |diff --git |[{}();\s]+$"
    r")"
)
"""Beginnings of lines of stack traces, logs and differences."""
_LONGEST_LINE: Final = 2000
"""Characters; a longer line was not written by hand."""


def prose(text: str) -> str:
    """Return the text without pasted blocks and lines; all of it where nothing else is in it."""
    kept = "\n".join(
        line for line in _BLOCK.sub("\n", text).splitlines() if len(line) <= _LONGEST_LINE and not _PASTED.match(line)
    )
    return kept if any(letter.isalnum() for letter in kept) else text
