"""First on the path of a board whose clock starts in 2000."""
