"""All access to S3, through the hook: objects, conditional writes, streams, listings and versions."""
