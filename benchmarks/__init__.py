"""The population solver against its peers: models, adapters, measurement and report."""
