"""The PET scan: frames, time-activity curves, and the kinetic models that quantify them.

Import from the modules themselves: ``frames``, ``scans`` and the package ``kinetics``.
"""
