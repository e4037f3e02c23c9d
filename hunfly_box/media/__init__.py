"""Pictures, voices, documents: fetched, checked, kept by their content, served to who may see them. Table: media."""
