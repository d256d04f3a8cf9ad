"""Problems, the gate, the workers, the schedule and the command line: see `README.md` here."""
