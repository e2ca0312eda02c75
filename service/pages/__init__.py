"""The capture page, its web component, and the page on which people decide."""
