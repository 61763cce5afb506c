"""What a thousand hosts cost: whole plans on the in-memory fleet, counted and measured."""
