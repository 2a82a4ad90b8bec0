"""What is the same for every service: reading, committing, claiming, failing, ticking, stopping, being watched."""
