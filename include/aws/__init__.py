"""Deployment on AWS: IAM policies, CloudFormation templates, commands, and the watchdog function."""
