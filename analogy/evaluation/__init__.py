"""How good the matches and pictures are, measured on public data and beside the paper's figures.

Each evaluation is a module of its own and a command of ``analogy eval``.
"""
