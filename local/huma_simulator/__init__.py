"""A stand-in for Huma on one machine: its Open API, its settings menu, its profiles, its webhook."""
