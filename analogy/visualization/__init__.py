"""Pictures of what a run did: its matches, how they grew from level to level, how it converged."""
