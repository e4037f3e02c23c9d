"""Domain-free tools every slice may use."""
