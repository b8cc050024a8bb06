"""``analogy serve``: transfers by a page in the browser."""
