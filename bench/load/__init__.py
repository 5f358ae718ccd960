"""The readers: one process with one epoll loop. The answers are parsed after the run."""
