"""Features on disk: fingerprints, shards, manifests, records."""

from platonica.store.features import Features
from platonica.store.location import default_root, features_folder, slug
from platonica.store.manifest import Layer, Manifest, Plan, Shard, digest, make_plan
from platonica.store.opening import open_features, verify
from platonica.store.records import RecordCache, read_records, write_records
from platonica.store.writer import FeatureWriter

__all__ = [
    "FeatureWriter",
    "Features",
    "Layer",
    "Manifest",
    "Plan",
    "RecordCache",
    "Shard",
    "default_root",
    "digest",
    "features_folder",
    "make_plan",
    "open_features",
    "read_records",
    "slug",
    "verify",
    "write_records",
]
