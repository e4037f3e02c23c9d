"""The tenants of the box and the resellers who look after them; a tenant's own settings. Tables: resellers, tenants."""
