from analogy.cli.main import main

main()
