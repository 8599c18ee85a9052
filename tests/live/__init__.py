"""The whole service over the simulator's nine venues, each a process of its own."""
