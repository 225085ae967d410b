"""What is found by trying: the size of a pass, the learning rate, and with Optuna whatever the recipe searches for."""
