"""Whether the box is well, for supervisors and dashboards; and the program's own files and API document."""
