"""Speaks ActivityPub with other instances; translates, decides nothing."""
