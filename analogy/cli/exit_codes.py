"""How the commands end, beside 0 for what is done."""

EXIT_SOME_FAILED = 1
EXIT_ERROR = 2
# As shells have it for what Ctrl-C has ended.
EXIT_INTERRUPTED = 130
