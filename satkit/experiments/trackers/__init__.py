"""Programs that show the curves of trainings: TensorBoard, wandb and trackio, each only where it is asked for."""
