"""Layers of VGG, forward and backward to their input (section 4.3)."""
