"""Where features come from: models, data, and the extraction that joins them."""
