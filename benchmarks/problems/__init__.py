"""What is asked: problems with a known truth, and the workloads made of them."""
