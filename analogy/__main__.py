from analogy.command_line import main

main()
