"""RUNTIME: tasks and clocks: streams, work, serving, logs, and the desk that pages may ask."""
