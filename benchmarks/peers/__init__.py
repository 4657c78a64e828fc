"""The transform in other tools: the same input, the same rows out, written as their experts would."""
