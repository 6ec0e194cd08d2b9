"""`sluice reload`: what a landing file holds and the raw table does not, on its way again."""
