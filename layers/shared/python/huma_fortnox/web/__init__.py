"""The HTTP layer: pages for people and a JSON API for Huma's front end, over the same use cases."""
