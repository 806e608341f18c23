"""What is run besides the four models, as data: every experiment is a change to another one."""
