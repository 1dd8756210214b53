"""Reflection data from finished runs of the agent: faulty picture, what is wrong in words, better picture."""
