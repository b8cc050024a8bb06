"""Maps rebuilt from fields and mixed: warp, vote, blend (sections 4.2, 4.3 and 4.5)."""
