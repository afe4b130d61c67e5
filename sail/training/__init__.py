"""Training: the trainer, batches, and one file for each model that is trained."""
