"""Reports over the registry: FIT&GAP and the state of a deployment; no SQL, no HTTP (報告)."""
