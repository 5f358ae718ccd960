"""A fake OpenAI-compatible upstream that is never the bottleneck.

One process, one epoll loop, no framework: an event costs little more than its `send`.
"""
