"""Checks of our own for Schemathesis.

The open API answers its own failures with HTTP status 200 and says what happened in the envelope, so
`not_a_server_error`, which looks at the status, does not see an internal error: this check does.
"""

import schemathesis


@schemathesis.check
def no_internal_error_in_envelope(ctx, response, case):
    """The envelope's `code` is never 500, whatever was asked."""
    try:
        body = response.json()
    except ValueError:
        return
    if isinstance(body, dict) and body.get("code") == 500:
        raise AssertionError(f"internal error in the envelope: {body.get('resultMsg')}")
