"""What answers that fail leave behind: thousands of each outcome through one relay.

An outage of the model's provider is enough for all of them to fail, and whatever one keeps then
adds up. So memory and descriptors are looked at before and after every outcome.
"""
