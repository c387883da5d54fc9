"""Concepts: does the network use an idea that people have, and what would it most like to see?"""
