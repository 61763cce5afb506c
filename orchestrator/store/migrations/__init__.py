"""The way from each older schema to the next, for alembic: one file in `versions/` per change, `m<id>_<what>.py`.

A migration imports nothing of the project: the tables it speaks of are those of its day. With a new one, reading.HEAD
grows by one and `schema.py` says the same as all migrations together; a test compares the two. Never here: a way back
(the copy kept beside the store is one).
"""
