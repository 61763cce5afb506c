"""What the pages say: links lead somewhere, commands and flags are there, pictures and examples are those of the code."""
