"""Images: two inspectors of one mind, fetching, the cache of a host."""
