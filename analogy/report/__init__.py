"""A run as one page for a browser: pictures, matches under the pointer, levels, time, settings."""
