"""The sections of the page, one module each: a bundle in, what the template shows out."""
