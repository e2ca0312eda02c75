"""One protocol a kind: which trials an index asks for, how they are scored and summed up."""
