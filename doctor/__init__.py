"""`python -m doctor URL` examines a deployment of the relay from outside, as a browser sees it.

    report              what a check found, in words and as JSON
    deployment          requests to the relay, each over a connection of its own
    background_reader   a reply that is read in the background while it arrives
    scripted_model      a model's server with a script, for what no real model does on command
    readiness           is there a relay, and is it ready
    last_proxy          what proxies change: the version of HTTP, the client's address
    clock               whether the clocks agree
    cors                may a page ask, and read the replies
    page                the host of the page
    refusal             the sentence of a refusal
    streaming           one streamed question: compression, buffering
    resume              reading an answer on, and stopping it
    endings             what ends an answer: a silence, its length, a failure
    examination         all checks in their order
    command             the command line

What it knows of the relay it has from the wire.
"""
