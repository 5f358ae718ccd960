"""FastAPI: `AsyncOpenAI` in an async generator. Served by uvicorn."""

import os
from collections.abc import AsyncIterator

# The benchmark alone needs it: it is not among the packages of the project's own type check.
from fastapi import FastAPI  # type: ignore[import-not-found, unused-ignore]
from fastapi.responses import (  # type: ignore[import-not-found, unused-ignore]
    StreamingResponse,
)
from openai import AsyncOpenAI
from pydantic import BaseModel

app = FastAPI()
client = AsyncOpenAI()


class Question(BaseModel):
    """The request's body."""

    userPrompt: str


async def ai_completion(question: Question) -> StreamingResponse:
    """Relay the answer to `userPrompt` as plain text."""
    stream = await client.chat.completions.create(
        model=os.environ["OPENAI_MODEL"],
        messages=[{"role": "user", "content": question.userPrompt}],
        stream=True,
    )

    async def answer() -> AsyncIterator[str]:
        async for part in stream:
            text = part.choices[0].delta.content
            if text:
                yield text

    return StreamingResponse(answer(), media_type="text/plain")


app.add_api_route("/aiCompletion", ai_completion, methods=["POST"])
