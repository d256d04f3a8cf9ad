"""How it is timed: the plan, the workers, the schedule, the run; and the machine under them."""
