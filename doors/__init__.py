"""The doors: the views at the relay's addresses. `app.py` has the table of them.

The three doors for questions speak one protocol each: a door parses a request into a `Question`,
and gives the answer the form of its protocol. The rest of the relay does not know which was used.

    serving         shared by the doors: the relay's parts, and the way from a question to a reply
    ai_completion   /aiCompletion, the relay's own interface
    ai_sdk          /api/chat and /api/completion, for the AI SDK
    openai_api      /v1, for OpenAI's clients
    health          /ready
    metrics         /metrics
    personas        /personas, and the limits of a question
    page_files      / and the files of the built page
"""
