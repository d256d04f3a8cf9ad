"""What is asked, when it is right, and how it is timed: see `README.md` here."""
