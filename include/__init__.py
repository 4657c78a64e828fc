"""The pipeline: one module per stage, and what the stages share."""

__version__ = "0.1.0"
