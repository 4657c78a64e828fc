"""What runs the pipeline on AWS: policies, templates, the deploy command, and the watchdog."""
