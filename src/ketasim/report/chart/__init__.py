"""Small charts as inline SVG, one kind a module; values in, drawing out."""
