"""The page that is handed to a regulator: one entity or one registry, at both clocks."""
