"""Plain Flask: openai's `Stream` in a generator. Served by gunicorn's gthread worker."""

import os
from collections.abc import Iterator

from flask import Flask, Response, request
from openai import OpenAI

app = Flask(__name__)
client = OpenAI()


@app.post("/aiCompletion")
def ai_completion() -> Response:
    """Relay the answer to `userPrompt` as plain text."""
    prompt = request.get_json()["userPrompt"]
    stream = client.chat.completions.create(
        model=os.environ["OPENAI_MODEL"],
        messages=[{"role": "user", "content": prompt}],
        stream=True,
    )

    def answer() -> Iterator[str]:
        for part in stream:
            text = part.choices[0].delta.content
            if text:
                yield text

    return Response(answer(), mimetype="text/plain")
