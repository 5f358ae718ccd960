"""Looks for leaks: thousands of answers with each outcome, through one relay.

In an outage of the provider all answers fail, and a leak in one adds up. So memory and descriptors
are measured before and after every outcome.
"""
