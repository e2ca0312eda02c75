"""What might be handed in? Specimens, rehearsed attacks, composed transactions, demo samples."""
