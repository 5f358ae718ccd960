"""Bodies of requests, for property tests: such as parsers expect, and any others."""

from hypothesis import strategies as st

from helpers.pictures import PNG, address

# Names and words that mean something to a parser, among others that do not.
NAMES = st.sampled_from(
    [
        *("userPrompt", "prompt", "messages", "persona", "stream", "id", "model", "tools"),
        *("role", "content", "parts", "text", "type", "files", "stream_options", "include_usage"),
        *("image_url", "mediaType", "url"),
    ]
)
WORDS = st.sampled_from(
    ["user", "assistant", "ai", "system", "tool", "text", "file", "image_url", "data-x"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(), inner, max_size=6)
    ),
)
# Bodies that get further than most.
ADDRESSES = st.sampled_from([address(PNG), "https://example.org/a.png", "data:"]) | ANYTHING
PARTS = st.lists(
    st.fixed_dictionaries(
        {"type": WORDS},
        optional={
            "text": ANYTHING,
            "image_url": st.fixed_dictionaries({"url": ADDRESSES}) | ANYTHING,
            "mediaType": st.just("image/png") | ANYTHING,
            "url": ADDRESSES,
        },
    ),
    max_size=3,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": WORDS},
        optional={"content": PARTS | st.text() | ANYTHING, "parts": PARTS, "text": st.text()},
    ),
    max_size=4,
)
BODIES = ANYTHING | st.fixed_dictionaries(
    {"messages": MESSAGES}, optional={"stream": ANYTHING, "id": ANYTHING, "model": ANYTHING}
)
