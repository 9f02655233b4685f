"""Every way in which a request to Claude fails, with the cause that we name and whether a retry may help."""

from tests.fakes.claude.script import Break, Fault


def status(code: int, kind: str, **fields) -> Fault:
    return Fault(status=code, type=kind, message="the cause", **fields)


SPENT = {"error_code": "enforced_spend_limit_reached"}
BEFORE = [
    ("a bad request", status(400, "invalid_request_error"), "rejected", False),
    (
        "our own spend limit",
        Fault(400, "invalid_request_error", "You have reached your specified API usage limits"),
        "spent",
        False,
    ),
    ("no credit", Fault(400, "invalid_request_error", "Your credit balance is too low"), "no credit", False),
    ("no credit, says 402", Fault(402, "billing_error", "Your credit balance is too low"), "no credit", False),
    (
        "an organization that is disabled",
        Fault(400, "invalid_request_error", "This organization has been disabled."),
        "disabled",
        False,
    ),
    (
        "an organization that is disabled, says 403",
        Fault(403, "permission_error", "This organization has been disabled."),
        "disabled",
        False,
    ),
    ("a proxy that forbids", Fault(403, html="<html><title>Blocked</title></html>"), "not Claude", False),
    ("a proxy that knows no such page", Fault(404, html="<!DOCTYPE html><h1>Not Found</h1>"), "not Claude", False),
    ("a proxy that wants a password", Fault(407, html="<html>407</html>"), "proxy", True),
    ("a portal that wants a login", Fault(401, html="<html>Log in</html>"), "not Claude", False),
    (
        "a prompt too long",
        Fault(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
        "too long",
        False,
    ),
    ("a wrong key", status(401, "authentication_error"), "key", False),
    ("billing", status(402, "billing_error"), "unpaid", False),
    ("a key that may not", status(403, "permission_error"), "forbidden", False),
    ("an unknown model", status(404, "not_found_error"), "no model", False),
    ("a file that is gone", Fault(404, "not_found_error", "File not found: file_011CPMxVD3fHLUhv"), "no file", False),
    (
        "a file that has expired",
        Fault(404, "not_found_error", "It is no longer available", details={"error_code": "file_expired"}),
        "no file",
        False,
    ),
    ("a file that is none", Fault(400, "invalid_request_error", "file_011CPMxVD3fHLUhv: not found"), "no file", False),
    ("a request timeout", status(408, "timeout_error"), "failing", True),
    ("a conflict", status(409, "conflict_error"), "failing", True),
    ("a precondition", status(412, "invalid_request_error"), "rejected", False),
    ("too large", status(413, "request_too_large"), "too large", False),
    ("too large, says Cloudflare", Fault(413, html="<html>413</html>"), "too large", False),
    ("unprocessable", status(422, "invalid_request_error"), "rejected", False),
    ("a rate limit", status(429, "rate_limit_error", retry_after="7"), "limited", True),
    ("a rate limit in milliseconds", status(429, "rate_limit_error", retry_after_ms=1500), "limited", True),
    ("a monthly cap", status(429, "rate_limit_error", details=SPENT), "spent", False),
    ("headers too large", status(431, "invalid_request_error"), "rejected", False),
    ("closed by the client", status(499, "api_error"), "failing", True),
    ("an internal error", status(500, "api_error"), "failing", True),
    ("not implemented", status(501, "api_error"), "failing", True),
    ("a bad gateway", Fault(502, html="<html>502 Bad Gateway</html>"), "failing", True),
    ("unavailable", status(503, "api_error"), "failing", True),
    ("a gateway timeout", status(504, "timeout_error"), "failing", True),
    ("overload", status(529, "overloaded_error"), "overloaded", True),
    ("an error that says: again", status(400, "invalid_request_error", should_retry=True), "rejected", True),
    ("an error that says: not again", status(429, "rate_limit_error", should_retry=False), "limited", False),
    ("a reset", Fault(status=None), "unreachable", True),
    ("a captive portal", Fault(200, html="<html>Log in</html>"), "not Claude", False),
]
DURING = [
    ("an error event", Break("error", 3), "overloaded", True),
    ("an api error event", Break("error", 3, type="api_error"), "failing", True),
    ("a rate limit event", Break("error", 3, type="rate_limit_error"), "limited", True),
    ("an invalid request event", Break("error", 3, type="invalid_request_error"), "rejected", False),
    ("a reset", Break("reset", 3), "broken off", True),
    ("a connection closed", Break("close", 3), "broken off", True),
    ("an end without message_stop", Break("eof", 3), "broken off", True),
    ("garbage", Break("garbage", 3), "not Claude", False),
    ("an end before message_start", Break("eof"), "broken off", True),
    ("no message_start", Break("headless"), "not Claude", False),
]
