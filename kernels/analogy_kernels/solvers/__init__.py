"""Minimisation by L-BFGS, and edge-preserving smoothing by weighted least squares."""
