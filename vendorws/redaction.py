"""Secrets in URLs never reach a screen, a file or an exception, and nothing that a terminal acts upon reaches one.

Whatever is shown to people goes through `presentable`, and whatever else is printed or written through `redact`. The
form follows pip's own `redact_auth_from_url`: `https://user:token@host` becomes `https://user:****@host`, and a lone
`https://token@host` becomes `https://****@host`, and so do `https://token:@host` and
`https://token:x-oauth-basic@host`, in which the token is the user. The user of an ssh URL (`ssh://git@host`) is no
secret; its password is.
"""

from __future__ import annotations

import re

from vendorws.errors import visible

# The userinfo of a URL reaches to the LAST `@` before the path, because a password may hold an `@`.
# The length of a scheme is bounded, or a long line of letters would take quadratic time.
_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30})://(?P<userinfo>[^/\s]+)@")


def presentable(text: str) -> str:
    """`text` as it may be shown: without secrets, and with what a terminal would act upon written as an escape.

    Lines stay lines. What is presentable already is left as it is.
    """
    return "\n".join(visible(redact(line)) for line in text.split("\n"))


def redact(text: str) -> str:
    """`text` with the secret part of every URL in it replaced by `****`."""
    if "://" not in text:
        return text
    return _USERINFO.sub(_hide, text)


def _hide(match: re.Match[str]) -> str:
    scheme, userinfo = match["scheme"], match["userinfo"]
    user, colon, password = userinfo.partition(":")
    if scheme.lower().rpartition("+")[2] in {"http", "https"} and password in {"", "x-oauth-basic"}:
        return f"{scheme}://****@"
    return f"{scheme}://{user}:****@" if colon else match[0]
