"""The doors: what stands at the relay's addresses, one module for each protocol that clients speak.

A door parses a request into a `Question` and gives the answer its form. Behind it everything is the
same, whichever door was used. `app.py` has the table of addresses.

    serving         what the doors share: the relay's parts, and the way from a question to a reply
    ai_completion   /aiCompletion, the relay's own interface
    ai_sdk          /api/chat and /api/completion, for the AI SDK
    openai_api      /v1, for OpenAI's clients
"""
