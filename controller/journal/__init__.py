"""What must survive a crash: what may still run, trips, answers of the day, budgets, events without acknowledgement."""
