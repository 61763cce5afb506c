"""The disk files of an instance."""
