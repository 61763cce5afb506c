"""Jinja templates of everything that is put on a host. Data only; autoescape is on for every one of them."""
