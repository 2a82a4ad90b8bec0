"""Quality turns what happens to feedback, items, answers and labels into figures of how well the work goes."""
