"""voiced as a service of systemd: its unit is installed, taken away, and told about."""
