"""The sample shop: an invented bilingual retailer, and the tool that plants faults into any table."""
