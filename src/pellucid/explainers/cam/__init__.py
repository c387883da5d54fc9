"""Class activation maps: where the activation inside a network speaks for the class."""
