"""How an answer is graded, whatever the exercise: its run, its time, its values and its result."""
