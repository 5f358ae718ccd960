"""A fake OpenAI-compatible upstream, fast enough never to be the limit.

One process, one epoll loop, no framework: an event costs little more than its `send`.
"""
