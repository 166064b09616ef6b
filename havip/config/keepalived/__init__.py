"""keepalived.conf, read natively: the language, and what its directives are in havip."""
