"""How much one person, and one organization, may ask of the service."""
