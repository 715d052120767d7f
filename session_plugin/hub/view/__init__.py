"""What a handler holds while it answers: SessionView, composed of its verbs."""
