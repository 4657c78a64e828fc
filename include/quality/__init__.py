"""The checkpoint of the validate stage: the suite, the table it is held against, and the findings."""
