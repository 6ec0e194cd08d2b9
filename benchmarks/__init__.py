"""`make bench`: what a record costs in this gateway, and in others that do the job, side by side in one run."""
