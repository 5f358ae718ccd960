"""`make run`: the embedded model, the relay and the page as one program, `python -m local`.

`run` starts and ends the three, which are `parts`. `model` is the embedded model as the others see
it, `server` its process, and `fetch` downloads it. The relay imports nothing from here.
"""
