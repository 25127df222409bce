"""The domain: people, groups, threads, votes, and who may see them."""
