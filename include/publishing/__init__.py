"""How a day becomes the published one: the gate, and the replacement of the published objects."""
