"""What readers ask: balances, statements, compliance, supply, explanations."""
