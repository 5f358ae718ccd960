"""The doors: the views at the relay's addresses, one module for each protocol of the clients.

A door parses a request into a `Question` and gives the answer the form of its protocol. The rest of
the relay does not know which door was used. `app.py` has the table of addresses.

    serving         shared by the doors: the relay's parts, and the way from a question to a reply
    ai_completion   /aiCompletion, the relay's own interface
    ai_sdk          /api/chat and /api/completion, for the AI SDK
    openai_api      /v1, for OpenAI's clients
    health          /ready
    metrics         /metrics
    personas        /personas, and the limits of a question
    page_files      / and the files of the built page
"""
