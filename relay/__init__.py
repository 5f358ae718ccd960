"""The relay, apart from the app, the doors and the `openai` client.

    access        who may ask, and in whose name
    questions     a request's body -> Question; how much of a conversation goes into the prompt
    personas      who answers: persona files; the system message and examples before a conversation
    upstream      HTTP to the model: connections, retries, the stream of an answer, calling it off
    journal       the record of answers, for other workers and later processes
    completions   one answer and its readers, its receipt, finding it again
    limits        how much may be asked: in a minute, in a day, at the same time
    telemetry     what an operator sees: lines in the log, and metrics
    clients       the client's connection, and the forms of a reply

A room imports only from the rooms above it in this list, and only names that their `__init__`
exports. The modules beside the rooms serve all of them: settings, errors, deadlines, the intervals
that depend on one another, the log; and gunicorn's processes, the master and its workers.
"""
