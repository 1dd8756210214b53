"""Other forms of records: exports, and a reader of the published sets."""
