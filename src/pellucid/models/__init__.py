"""One file per library: what a model can do, and how it is asked."""
