"""The only modules that speak to the outside: Fortnox, Huma and AWS."""
