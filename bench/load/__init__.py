"""The readers: one process, one epoll loop; what they read is taken apart after the run."""
