"""The claims: one module each, with one `EXPERIMENT`. A new file here is a new experiment."""
