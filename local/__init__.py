"""`make run`: the embedded model, the relay and the page as one program.

`run` starts and ends the three; `model` runs the embedded model for it, and `fetch` downloads it.
The relay imports nothing from here.
"""
