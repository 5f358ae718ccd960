"""The relay, without the app around it.

    questions     a request's body -> Question; the prompt that the model is sent for it
    personas      who answers: persona files, and the code that reads them
    upstream      HTTP to the model: connections, the stream of an answer, calling it off
    journal       what is written down of answers, for other workers and later processes
    completions   one answer and its readers, its receipt, finding it again
    clients       the client's connection, and the forms of a reply

Each room imports only those above it in this list, and takes from them only what their `__init__`
hands out. Beside the rooms stands what all of them use: settings, errors, deadlines, the log.
"""
