"""What goes in and what must come out, one file a case; `pytest --regen` writes what comes out anew, for people to look at."""
