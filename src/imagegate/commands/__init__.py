"""The commands of ``imagegate``, one module each: ``main(argv)`` returns the exit code."""
