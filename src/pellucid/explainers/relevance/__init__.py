"""Layer-wise relevance propagation: an output handed back, layer by layer, to what made it."""
