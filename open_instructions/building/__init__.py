"""Making a build: plan, run, merge, publish."""
