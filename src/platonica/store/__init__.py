"""Features on disk: fingerprints, shards, manifests, records."""
