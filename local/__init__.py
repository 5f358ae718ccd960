"""`make run`: the embedded model, the relay and the page as one program, `python -m local`.

`run` starts and ends the three `child_processes`. `model_process` starts the embedded model,
`model_server` runs in its process, and `fetch` downloads it. The relay imports nothing from here.
"""
