"""Between a network and its explanations: gradients, addresses inside, the operations met."""
