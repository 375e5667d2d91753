"""The runner: takes jobs, does many at a time, writes their outcomes into the logs of their runs."""
