"""What is asked. Each function gets a Transcript; what it writes down is compared with Apache Kafka's answers."""

# In the order in which they run.
from . import connections, metadata, produce, fetch, groups, topics, transactions  # noqa: F401
from .asking import ALL

__all__ = ["ALL"]
