"""The data-quality site: the pages that each run leaves in S3, and the app that shows them.

A run writes a folder and a summary of its own and reads nothing of earlier runs; the front page and the
index are made when somebody looks, from the summaries and manifests of the days that they show.
"""
