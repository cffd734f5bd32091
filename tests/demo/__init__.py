"""An exam of the demo model, written apart from its training: inputs of its world, answers judged by their facts."""
