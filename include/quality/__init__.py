"""The quality checkpoint of the validate stage: suite, baseline of earlier days, execution and findings."""
