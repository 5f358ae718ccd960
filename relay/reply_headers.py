"""The headers that every reply has, whoever writes it, and those that a page may read."""

COMMON_HEADERS = {
    "Cache-Control": "no-store, no-transform",
    # A reply is never a page. Opened as one, it runs nothing and is in no frame.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # Pages of other origins read replies by CORS, to which this does not apply.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

# Access-Control-Expose-Headers. A page of another origin cannot read the others.
EXPOSED_HEADERS = [
    "Completion-Id",
    "X-Request-Id",
    "Server-Timing",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "Content-Range",
    "ETag",
    "Askbot-Ignored",
    "x-vercel-ai-ui-message-stream",
]
