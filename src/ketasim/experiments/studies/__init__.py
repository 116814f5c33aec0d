"""One module for each study: a claim that needs a computation of its own, exposed as ``STUDY``."""
