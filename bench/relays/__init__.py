"""The Python relays that ours is measured against, each as its tutorials write it."""
