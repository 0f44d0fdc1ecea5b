"""A thin click front on etsledger.ledger and etsledger.projections."""
