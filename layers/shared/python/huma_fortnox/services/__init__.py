"""The use cases, written against ports: no boto3 and no requests in here."""
