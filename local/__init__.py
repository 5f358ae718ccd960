"""`make run`: the embedded model, the relay and the page as one program, `python -m local`.

`run` starts and ends the three `parts`. `model` starts the embedded model, `server` is the model's
process, and `fetch` downloads it. The relay imports nothing from here.
"""
